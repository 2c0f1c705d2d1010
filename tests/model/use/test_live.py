"""Live prediction from cameras that play a recorded session in real time, and what is refused."""

import csv
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.camera import Capture
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.replay_settings import ReplaySettings
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.streams import Frame, Stream
from mavfer.errors import CalibrationError, CameraError, ConfigError, ModelError
from mavfer.model.checkpoint import open_run
from mavfer.model.use.feed import Feed
from mavfer.model.use.live import LiveScorer, require_calibrated, wanted_streams
from mavfer.model.use.live_report import LiveReport, LiveScore
from mavfer.preprocess.dataset.record import ClipConfig

MakeRun = Callable[..., Path]
CONFIG = ClipConfig(fps=4.0)
FPS = 10.0


@pytest.fixture(scope="module")
def mran(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "mran", dataset=folder / "gone", model="mran", n_frames=4)


def playing(session: Path, *names: str) -> Rig:
    """Return a rig whose cameras play the recorders `names` of a session in real time."""
    return Rig(
        name="simulated",
        recorders={
            name: RecorderSettings(
                camera="replay", replay=ReplaySettings(session=session, recorder=name, pace="real")
            )
            for name in names
        },
    )


class Steps:
    """A camera of all streams that shows a recorded session there and back, a moment when the last was taken.

    Its stamps are 100 ms apart, however slow the machine is. With `patience_s` it waits no longer than that.
    """

    fps = 10.0

    def __init__(self, session: Path, streams: Sequence[Stream], *, patience_s: float | None = None) -> None:
        recorded = open_session(session)
        n = min(len(recorded.index(stream)) for stream in streams)
        moments = [tuple(recorded.frame(stream, i) for stream in streams) for i in range(n)]
        self._moments = [*moments, *moments[-2:0:-1]]
        self.specs = tuple(recorded.spec(stream) for stream in streams)
        self._taken = threading.Semaphore(1)
        self._begin_ns = self._n = 0
        self._patience_s = patience_s

    def open(self) -> None: ...

    def close(self) -> None: ...

    def start(self, first_tick_ns: int) -> None:
        self._begin_ns = first_tick_ns

    def grab(self, timeout_s: float) -> Capture:
        taken = self._taken.acquire(timeout=self._patience_s or timeout_s)
        if not taken and self._patience_s is None:
            raise CameraError("nobody has taken the last moment yet")
        frames = self._moments[self._n % len(self._moments)]
        t_ns = self._begin_ns + self._n * 100_000_000
        self._n += 1

        def retrieve() -> tuple[Frame, ...]:
            self._taken.release()
            return frames

        return Capture(self._n, t_ns, t_ns, retrieve)


def ended_after(n_scores: int, said: list[LiveScore]) -> Callable[[LiveScore], None]:
    """Return what notes scores, and ends as a person does, by Ctrl-C."""

    def on_score(score: LiveScore) -> None:
        said.append(score)
        if len(said) == n_scores:
            raise KeyboardInterrupt

    return on_score


def test_scores_come_with_every_row_from_a_full_clip_on_until_ctrl_c(
    mran: Path, session: Path, calibration: Calibration
) -> None:
    run, said = open_run(mran), list[LiveScore]()
    rows = list[tuple[float, bool]]()
    camera = Steps(session, tuple(Stream))
    with Feed(
        playing(session, "all"), streams=wanted_streams(run), seconds=10, cameras={"all": camera}
    ) as feed:
        scorer = LiveScorer(run, feed, config=CONFIG, calibration=calibration, fps=FPS)
        report = scorer.run(on_score=ended_after(5, said), on_row=lambda *row: rows.append(row))
    assert report.n_scores == len(said) == 5
    assert report.n_rows == len(rows) >= 9
    assert report.n_faces == sum(shown for _, shown in rows) == len(rows)
    times = [score.t_s for score in said]
    assert times == sorted(set(times))
    assert times[0] >= 0.75 - 0.125  # four frames a quarter apart, the first to within half of that
    assert {round(t_s, 3) for t_s in times} <= {round(t_s, 3) for t_s, _ in rows}
    assert all(np.abs(score.values).max() <= 1 for score in said)
    assert [score.reference_s for score in said] == pytest.approx(times)
    assert not any(score.settled for score in said)


def test_a_network_of_color_alone_wants_no_calibration(
    make_run: MakeRun, session: Path, tmp_path: Path
) -> None:
    run = open_run(make_run(tmp_path / "cnn", dataset=tmp_path, model="cnn", n_frames=4))
    require_calibrated(run, None, rig="any")
    assert wanted_streams(run) == (Stream.COLOR,)
    camera, said = Steps(session, [Stream.COLOR]), list[LiveScore]()
    with Feed(
        playing(session, "all"), streams=wanted_streams(run), seconds=10, cameras={"all": camera}
    ) as feed:
        scorer = LiveScorer(run, feed, config=CONFIG, calibration=None, fps=FPS)
        report = scorer.run(seconds=1.5, on_score=said.append)
    assert report.n_scores == len(said) >= 1
    assert report.n_rows == 16  # at 0, 0.1, ... 1.5 s


def test_a_row_is_taken_as_often_as_asked_at_most(make_run: MakeRun, session: Path, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "cnn", dataset=tmp_path, model="cnn", n_frames=4))
    camera, times = Steps(session, [Stream.COLOR], patience_s=0.1), list[float]()
    with Feed(playing(session, "all"), streams=(Stream.COLOR,), seconds=10, cameras={"all": camera}) as feed:
        scorer = LiveScorer(run, feed, config=CONFIG, calibration=None, fps=5.0)
        scorer.run(seconds=0.6, on_score=lambda _: None, on_row=lambda t_s, _: times.append(t_s))
    assert len(times) >= 2
    assert np.diff(times).min() >= 0.2 - 1e-6


def test_a_network_of_all_streams_wants_a_calibration(mran: Path) -> None:
    with pytest.raises(CalibrationError, match="mran sees color, depth, thermal: wanted a calibration"):
        require_calibrated(open_run(mran), None, rig="lab")


def test_a_rig_without_a_wanted_stream_is_refused_once_its_cameras_have_said_what_they_deliver(
    mran: Path, session: Path
) -> None:
    feed = Feed(playing(session, "kinect"), streams=wanted_streams(open_run(mran)), seconds=1)
    with pytest.raises(ConfigError, match="wanted a rig with thermal, 'simulated' has color, depth"), feed:
        pass


def test_a_rig_on_a_virtual_clock_is_refused(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="wanted a rig with a real clock"):
        Feed(rig, streams=(Stream.COLOR,), seconds=1)


def test_rows_rarer_than_the_frames_of_a_clip_are_refused(
    mran: Path, session: Path, calibration: Calibration
) -> None:
    run = open_run(mran)
    with (
        Feed(playing(session, "kinect", "thermal"), streams=wanted_streams(run), seconds=1) as feed,
        pytest.raises(ModelError, match=r"as many rows per second as the run's clips have \(4\), found 2"),
    ):
        LiveScorer(run, feed, config=CONFIG, calibration=calibration, fps=2)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_prints_a_line_for_each_score_and_writes_the_table(
    mran: Path, session: Path, calibration_file: Path, tmp_path: Path, as_json: bool
) -> None:
    rig = tmp_path / "rig.toml"
    tables = "".join(
        f'[recorders.{name}]\ncamera = "replay"\n'
        f'[recorders.{name}.replay]\nsession = "{session.as_posix()}"\nrecorder = "{name}"\n'
        for name in ("kinect", "thermal")
    )
    rig.write_text(f'name = "simulated"\n{tables}', encoding="utf-8")
    ran = run_command(
        *("predict", mran, "--live", "--rig", rig, "--calibration", calibration_file),
        *("--clip-fps", 4, "--fps", 5, "--csv", tmp_path / "scores.csv", "--threads", 1),
        *(("--json",) if as_json else ()),
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    if as_json:  # the lines are progress then, and the whole is told in the end
        lines = [line for line in ran.stderr.splitlines() if "ms late" in line]
        told = json.loads(ran.stdout)
        assert (told["names"], told["clip_fps"], told["simulated"]) == (["valence", "arousal"], 4.0, True)
        assert (told["n_scores"], told["problem"] is None) == (len(lines), bool(lines))
        assert told["csv"] == str(tmp_path / "scores.csv")
        assert 0 <= told["n_rows_with_face"] <= told["n_rows"]
    assert all("valence" in line and "ms late" in line for line in lines)
    assert ("per second; from exposure to score" if lines else "no score") in ran.stderr
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [f"{float(row['valence']):+.3f}" in line for row, line in zip(rows, lines, strict=True)] == (
        [True] * len(lines)  # how many a machine that is busy gets out of three seconds is not its test
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--live"], "wanted --rig FILE with --live"),
        (["session"], "wanted --out, or --live with --rig"),
        (["session", "--out", "seen", "--rig", "rig.toml"], "wanted --live with --rig"),
        (["session", "--live", "--rig", "rig.toml"], "wanted --live or a recording with --out"),
    ],
)
def test_misuse_of_the_command_is_one_line(words: list[str], complaint: str) -> None:
    ran = run_command("predict", "run", *words)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"error: {complaint}")
    assert len(ran.stderr.splitlines()) == 1


def run_command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "mavfer", *(str(word) for word in words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_session_without_a_score_says_whether_rows_were_too_rare_or_the_face_was_away() -> None:
    slow = LiveReport(("valence",), n_rows=25, n_faces=25, last_row_s=12.0)
    assert slow.rows_per_s == 2.0
    assert "which came 2.0 times per second, and clips want 8" in slow.why_no_score(8.0)
    away = LiveReport(("valence",), n_rows=121, n_faces=30, last_row_s=12.0)
    assert (
        away.why_no_score(8.0) == "the face was seen in 30 of 121 rows, and never for as long as a clip lasts"
    )
    assert "never for as long" in LiveReport(("valence",)).why_no_score(8.0)
