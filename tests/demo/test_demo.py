"""The quick demo, once, in a real process: the whole road ends with a summary and a page of its own."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mavfer.demo.road import in_words, run_demo
from mavfer.demo.stages import QUICK, plan_takes, write_rig
from mavfer.errors import OutputError

STREAMS = {"color", "depth", "infrared", "thermal"}
MODELS = {"mran", "uran", "early-fusion", "constant"}
SECTIONS = (
    "Four streams of one moment",
    "One picture out of four",
    "Recorded on one plan",
    "Calibrated from a checkerboard",
    "Does it still hold?",
    "Aligned faces",
    "Three raters and their mean",
    "Predicted against true valence",
    "Where the networks look",
    "Scores",
    "How long it took",
    "What this does not prove",
)
LONGEST_S = 600


@pytest.fixture(scope="module")
def quick_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "demo-out"
    ended = subprocess.run(
        [sys.executable, "-m", "mavfer", "demo", "--quick", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == str(out / "report.html")
    return out


pytestmark = pytest.mark.timeout(LONGEST_S + 60)


@pytest.fixture
def summary(quick_demo: Path) -> dict:
    return json.loads((quick_demo / "summary.json").read_text(encoding="utf-8"))


def test_the_summary_has_every_figure_under_its_name(summary: dict):
    assert set(summary) == {
        "simulated",
        "sessions",
        "frames",
        "frames_lost",
        "skew_ms",
        "calibration",
        "verdicts",
        "aligned_share",
        "scores",
        "seconds",
    }
    assert summary["simulated"] is True
    assert set(summary["frames"]) == set(summary["frames_lost"]) == STREAMS
    assert set(summary["skew_ms"]) == {"median", "p99", "max"}
    assert set(summary["scores"]) == MODELS
    for scores in summary["scores"].values():
        assert set(scores) == {"valence", "arousal"}
        for values in scores.values():
            assert set(values) == {"rmse", "cc", "ccc"}
            assert all(math.isfinite(value) for value in values.values())


def test_the_summary_tells_its_main_figures_in_words(summary: dict):
    lines = in_words(summary)
    assert len(lines) == 3 + len(MODELS)
    assert all("simulated" in line for line in lines)


def test_no_frame_is_lost_and_all_streams_have_as_many(summary: dict):
    assert summary["frames_lost"] == dict.fromkeys(STREAMS, 0)
    assert len(set(summary["frames"].values())) == 1
    assert summary["sessions"] >= 4


def test_the_calibration_is_close_to_the_truth_at_the_face(summary: dict):
    assert summary["calibration"]["depth_to_color_px"]["median"] < 1
    assert summary["calibration"]["depth_mm"]["median"] < 2
    assert summary["calibration"]["color_from_depth_deg"] < 0.5


def test_almost_every_face_is_aligned(summary: dict):
    assert summary["aligned_share"] >= 0.98


def test_the_page_has_every_section_and_stands_alone(quick_demo: Path):
    page = (quick_demo / "report.html").read_text(encoding="utf-8")
    headings = re.findall(r"<h2>([^<]*)</h2>", page)
    assert tuple(headings) == SECTIONS
    assert page.count("data:image/webp;base64,") >= 20
    assert page.count("<svg") >= 3
    assert re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)[^"]*"', page) == []
    assert len(page) < 6_000_000


def test_every_table_and_plot_says_simulated(quick_demo: Path):
    page = (quick_demo / "report.html").read_text(encoding="utf-8")
    captions = re.findall(r"<caption>.*?</caption>", page)
    assert captions
    assert all("simulated" in caption for caption in captions)
    assert "scores mean little" in page


def test_the_folder_holds_what_every_stage_made_and_nothing_half_done(quick_demo: Path):
    names = {path.name for path in quick_demo.iterdir()}
    assert names == {
        "rig.toml",
        "sessions",
        "calibration.toml",
        "calibration.html",
        "traces",
        "dataset",
        "runs",
        "report.html",
        "summary.json",
    }
    assert [path for path in quick_demo.rglob("*") if ".partial-" in path.name] == []
    assert [path for path in quick_demo.parent.iterdir() if path != quick_demo] == []


def test_no_session_of_the_demo_is_taken_for_one_of_a_knocked_rig(summary: dict):
    assert set(summary["verdicts"]) == {"agrees"}


def test_a_run_of_the_demo_can_be_evaluated_again(quick_demo: Path):
    ended = subprocess.run(
        [sys.executable, "-m", "mavfer", "evaluate", str(quick_demo / "runs" / "mran")],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_a_finished_demo_is_not_overwritten_unasked(quick_demo: Path):
    before = (quick_demo / "summary.json").read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        run_demo(quick_demo, quick=True)
    assert (quick_demo / "summary.json").read_bytes() == before


def test_overwrite_replaces_a_demo_and_no_other_folder(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(OutputError, match=r"only a folder with a summary\.json"):
        run_demo(tmp_path, quick=True, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="process groups and their signals are POSIX")
def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path):
    demo = subprocess.Popen(
        [sys.executable, "-m", "mavfer", "demo", "--quick", "--out", str(tmp_path / "demo-out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stderr is not None
    for line in demo.stderr:
        if "calibration board" in line:
            break
    os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: to the demo and to its recorders
    _, said = demo.communicate(timeout=60)
    assert demo.returncode not in (0, None)
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_over_the_wire_goes_the_take_in_real_time_alone(tmp_path):
    rig = write_rig(tmp_path / "rig.toml")
    takes = plan_takes(tmp_path, rig, QUICK, seed=0, wire=True)
    assert [take.rig.scene.wire for take in takes] == [not take.rig.is_virtual for take in takes]
    assert sum(take.rig.scene.wire for take in takes) == 1
