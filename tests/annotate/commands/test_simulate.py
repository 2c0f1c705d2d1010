"""The raters' command: what it leaves in the folder is what it was asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mavfer.annotate.commands.simulate import simulate_raters
from mavfer.annotate.trace import Trace, read_traces, write_trace
from mavfer.capture.session import RecorderRecord, SessionRecord, write_record
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.simulated.truth import truth_path, write_truth
from mavfer.capture.streams import Stream
from mavfer.capture.trigger import Plan
from mavfer.command_line import command_line
from mavfer.errors import TraceError


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "take"
    path.mkdir()
    write_record(
        path,
        SessionRecord(
            id="take",
            subject="S01",
            rig="simulated",
            simulated=True,
            state="complete",
            started_utc="2026-01-01T00:00:00Z",
            plan=Plan(first_tick_ns=0, fps=10, n_ticks=100),
            recorders={"kinect": RecorderRecord(camera="simulated_kinect", streams=(Stream.COLOR,))},
        ),
    )
    write_truth(
        truth_path(path), scene=SceneSettings(), subject="S01", seconds=10, tick_s=np.arange(0, 10, 0.1)
    )
    return path


def test_fewer_raters_replace_more_and_leave_a_persons_trace_alone(tmp_path: Path, session: Path) -> None:
    out = tmp_path / "traces"
    write_trace(out, Trace("take", "anna", "valence", np.arange(3.0), np.zeros(3)))
    simulate_raters([session], out, raters=4, seed=0, overwrite=False)
    simulate_raters([session], out, raters=2, seed=0, overwrite=True)
    assert {trace.rater for trace in read_traces(out, "take")} == {"anna", "sim1", "sim2"}


def test_with_json_how_well_the_raters_agree_is_told_per_dimension(tmp_path: Path, session: Path) -> None:
    words = ["simulate-raters", str(session), "--out", str(tmp_path / "traces"), "--raters", "4"]
    plain = CliRunner().invoke(command_line(), words)
    done = CliRunner().invoke(command_line(), [*words, "--overwrite", "--json"])
    assert (plain.exit_code, done.exit_code) == (0, 0)
    told = json.loads(done.stdout)
    assert (told["n_traces"], told["simulated"]) == (8, True)
    assert [one["dimension"] for one in told["agreement"]] == ["valence", "arousal"]
    for one in told["agreement"]:
        assert one["n_raters"] == 4
        row = next(line for line in plain.stdout.splitlines() if one["dimension"] in line)
        assert row.split()[-4:] == [f"{one[name]:.2f}" for name in ("mse", "cc", "ccc", "alpha")]


def test_a_session_named_twice_is_refused_before_anything_is_written(tmp_path: Path, session: Path) -> None:
    with pytest.raises(TraceError, match="found 'take' twice"):
        simulate_raters([session, session], tmp_path / "traces", raters=1, seed=0, overwrite=False)
    assert not (tmp_path / "traces").exists()
