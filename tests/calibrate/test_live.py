"""The guide: places counted from what cameras see now and then, a finder of its own, and a guided take.

One real-clock take of the simulated rig with its board, about 40 s, watched on the page in a real Chromium.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import expect, sync_playwright
from typer.testing import CliRunner

from mavfer.calibrate.guide.finder import Finder, Watcher
from mavfer.calibrate.guide.live import LiveGuide, require_guidable
from mavfer.calibrate.guide.places import HOLD_S, MAX_GAP_S, Places
from mavfer.calibrate.solver.search import find_views
from mavfer.capture.board import Board, Chessboard
from mavfer.capture.desk import Desk, Preview, Stop
from mavfer.capture.guide import Guide
from mavfer.capture.master import record
from mavfer.capture.monitor import Monitor
from mavfer.capture.rig import Rig, change_scene, parse_rig, simulated_rig_file
from mavfer.capture.session import open_session
from mavfer.capture.status import TakeStatus
from mavfer.capture.streams import Stream
from mavfer.command_line import command_line
from mavfer.errors import CalibrationError, ConfigError, OutputError

BOARD = Chessboard(9, 6, 25.0)
WIDTH_PX = {"color": 480, "depth": 480, "thermal": 480}
CHROMIUM = "/usr/bin/chromium"
HERE = BOARD.points_mm[:, :2] * 0.5 + np.array([100.0, 80.0])
THERE = HERE + np.array([60.0, 10.0])
WAIT_S = 60.0


def guided_rig(**scene: object) -> Rig:
    rig = parse_rig(simulated_rig_file(name="simulated", fps=10.0), where="a test")
    return change_scene(rig, {"target": "board", "fps": 10.0, "hold_s": 1.2, **scene}, where="a test")


def show(places: Places, corners_px: np.ndarray | None, times_s: list[float], *cameras: str) -> None:
    for t_s in times_s:
        for camera in cameras:
            places.see(camera, corners_px, t_s)


def test_a_board_that_stands_still_before_a_camera_is_a_place() -> None:
    places = Places(WIDTH_PX)
    places.see("color", HERE, 0.0)
    assert places.sight("color")[0] == "moving"
    assert places.views == ()
    places.see("color", HERE + 0.2, HOLD_S + 0.05)
    assert places.sight("color")[0] == "still"
    assert places.held == ("color",)
    assert [set(view.corners_px) for view in places.views] == [{"color"}]


def test_a_board_that_moves_is_no_place() -> None:
    places = Places(WIDTH_PX)
    for k in range(8):
        places.see("color", HERE + 4.0 * k, 0.25 * k)
    assert places.views == ()


def test_two_looks_far_apart_in_time_tell_nothing() -> None:
    places = Places(WIDTH_PX)
    show(places, HERE, [0.0, MAX_GAP_S + 0.5], "color")
    assert places.views == ()


def test_cameras_that_see_it_still_at_the_same_time_share_the_place() -> None:
    places = Places(WIDTH_PX)
    show(places, HERE, [0.0, 0.25, 0.5], "color", "thermal")
    show(places, THERE, [0.75, 1.0, 1.25], "color", "depth")
    assert [set(view.corners_px) for view in places.views] == [{"color", "thermal"}, {"color", "depth"}]


def test_a_camera_that_looks_late_does_not_join_the_place_before() -> None:
    places = Places(WIDTH_PX)
    show(places, HERE, [0.0, 0.25], "color")
    show(places, THERE, [0.5, 0.75, 1.0], "thermal")
    assert [set(view.corners_px) for view in places.views] == [{"color"}]


def test_a_camera_whose_previews_stop_holds_up_nobody() -> None:
    places = Places(WIDTH_PX)
    show(places, HERE, [0.0, 0.25, 0.5], "color")
    for k in range(1, 4):
        show(places, HERE + 20.0 * k, [2.0 * k + t for t in (0.0, 0.25, 0.5)], "depth", "thermal")
    assert [set(view.corners_px) for view in places.views] == [{"color"}, *([{"depth", "thermal"}] * 3)]
    assert places.sight("color")[0] == "unseen"
    places.forget(99.0)
    assert places.held == ()
    assert len(places.views) == 4


def test_the_same_place_again_is_no_new_one() -> None:
    places = Places(WIDTH_PX)
    show(places, HERE, [0.0, 0.25, 0.5], "color")
    show(places, None, [0.75], "color")
    show(places, HERE + 0.5, [1.0, 1.25], "color")
    assert len(places.views) == 1
    show(places, THERE, [1.5, 1.75], "color")
    assert len(places.views) == 2


def test_points_that_are_not_seen_do_not_hinder() -> None:
    part = HERE.copy()
    part[20:] = np.nan
    places = Places(WIDTH_PX)
    places.see("color", HERE, 0.0)
    places.see("color", part, 0.25)
    assert len(places.views) == 1


def picture(board: Board, *, shift_px: int = 0) -> np.ndarray:
    """Return a color preview that shows the board."""
    plate = board.plate.picture(px_per_field=16)
    image = np.full((270, 480, 3), 90, np.uint8)
    image[30 : 30 + plate.shape[0], 60 + shift_px : 60 + shift_px + plate.shape[1]] = plate[..., None]
    return image


def test_the_finder_finds_what_a_preview_shows_and_outlives_its_process() -> None:
    jpeg = simplejpeg.encode_jpeg(picture(BOARD), quality=78)
    with Finder(BOARD) as finder:
        found = finder.find(jpeg, Stream.COLOR)
        assert found is not None
        assert found.size_px == (480, 270)
        assert found.corners_px is not None
        assert found.corners_px.shape == (54, 2)
        assert finder.find(b"no picture", Stream.COLOR) is None
        os.kill(finder.pid, 9)
        assert finder.find(jpeg, Stream.COLOR) is None
        again = finder.find(jpeg, Stream.COLOR)
        assert again is not None
        assert again.corners_px is not None


def test_a_finder_that_dies_again_and_again_says_so() -> None:
    jpeg = simplejpeg.encode_jpeg(picture(BOARD), quality=78)
    with Finder(BOARD) as finder, pytest.raises(CalibrationError, match="for the board died 3 times"):
        for _ in range(8):
            if finder.pid:
                os.kill(finder.pid, 9)
            finder.find(jpeg, Stream.COLOR)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_finder_that_hangs_before_a_picture_larger_than_its_pipe_is_let_go(
    by_hand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mavfer.calibrate.guide.finder.ANSWER_S", 60.0 if by_hand else 0.3)
    jpeg = simplejpeg.encode_jpeg(picture(BOARD), quality=78)
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    with Finder(BOARD) as finder:
        assert finder.find(jpeg, Stream.COLOR) is not None
        halt(finder.pid)
        if by_hand:
            threading.Timer(0.3, finder.interrupt).start()
        begin_s = time.monotonic()
        assert finder.find(simplejpeg.encode_jpeg(noise, quality=95), Stream.COLOR) is None
        assert time.monotonic() - begin_s < 10
        assert finder.find(jpeg, Stream.COLOR) is not None


def test_a_take_that_ends_does_not_wait_for_a_finder_that_hangs() -> None:
    desk = Desk()
    desk.show(TakeStatus(state="recording"))
    with LiveGuide(desk, BOARD, streams=(Stream.COLOR, Stream.INFRARED)) as guide:
        put_preview(desk, 1)
        wait_for(lambda: laid_out(desk).now == "waiting for a picture of depth")
        halt(guide.finder_pid)
        put_preview(desk, 2)
        threading.Event().wait(0.6)
        begin_s = time.monotonic()
    assert time.monotonic() - begin_s < 5
    assert laid_out(desk).trouble == ""


def halt(pid: int) -> None:
    if sys.platform == "win32":
        pytest.skip("a process is halted with a signal")
    os.kill(pid, signal.SIGSTOP)


def put_preview(desk: Desk, number: int) -> None:
    desk.put_preview(Preview(Stream.COLOR, number, number, simplejpeg.encode_jpeg(picture(BOARD))))


def laid_out(desk: Desk) -> Guide:
    guide = desk.guide()
    assert guide is not None
    return guide


def wait_for(happened: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < end_s
        threading.Event().wait(0.02)


def test_the_finder_ends_with_its_master() -> None:
    words = "from mavfer.calibrate.guide.finder import Finder\n"
    words += "from mavfer.capture.board import Board; import os\n"
    words += "f = Finder(Board.parse('9x6x25mm')); f.__enter__(); print(f.pid, flush=True); os._exit(0)"
    ran = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=60
    )
    pid = int(ran.stdout)
    end_s = time.monotonic() + WAIT_S
    while _runs(pid) and time.monotonic() < end_s:
        threading.Event().wait(0.1)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_what_is_followed_lies_where_a_new_search_finds_it() -> None:
    watcher = Watcher(BOARD)
    first = watcher.find(picture(BOARD), Stream.COLOR)
    followed = watcher.find(picture(BOARD), Stream.COLOR)
    moved = watcher.find(picture(BOARD, shift_px=40), Stream.COLOR)
    assert first is not None
    assert followed is not None
    assert moved is not None
    np.testing.assert_allclose(followed, first, atol=0.05)
    np.testing.assert_allclose(moved, first + np.array([40, 0]), atol=0.1)
    assert watcher.find(np.full((270, 480, 3), 90, np.uint8), Stream.COLOR) is None
    assert watcher.find(np.full((270, 480, 3), 90, np.uint8), Stream.COLOR) is None
    assert watcher.find(picture(BOARD), Stream.COLOR) is not None


def test_a_board_that_appears_slowly_is_found_at_last() -> None:
    empty, shown = np.full((270, 480, 3), 90, np.uint8), picture(BOARD)
    watcher = Watcher(BOARD)
    found = [
        watcher.find(np.rint(empty + share * (shown - empty.astype(float))).astype(np.uint8), Stream.COLOR)
        for share in np.arange(0, 1.001, 0.02)
    ]
    assert found[0] is None
    assert found[-1] is not None


def test_a_guide_that_cannot_look_says_so_and_lets_the_take_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr(Finder, "find", broken)
    desk = Desk()
    desk.show(TakeStatus(state="recording"))
    desk.put_preview(Preview(Stream.COLOR, 1, 1, simplejpeg.encode_jpeg(picture(BOARD))))
    with LiveGuide(desk, BOARD, streams=(Stream.COLOR, Stream.INFRARED)):
        wait_for(lambda: bool(laid_out(desk).trouble))
    assert (
        laid_out(desk).trouble
        == "nobody looks for the board any more: OSError: no memory; record on, and solve"
    )
    assert desk.take_requests() == []


def test_a_rig_that_cannot_be_guided_is_refused() -> None:
    rig = guided_rig()
    with pytest.raises(CalibrationError, match=r"wanted a rig with color and infrared, .* has thermal"):
        require_guidable(rig.model_copy(update={"recorders": {"thermal": rig.recorders["thermal"]}}))
    with pytest.raises(CalibrationError, match="virtual clock, faster than anybody can be guided"):
        require_guidable(guided_rig(clock="virtual"))


@pytest.mark.parametrize(
    ("words", "error"),
    [(["--board", "9by6"], ConfigError), (["--calibration", "rig.toml"], OutputError)],
)
def test_what_cannot_end_well_is_refused_before_the_take(
    words: list[str], error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rig.toml").write_text(simulated_rig_file())
    asked = ["calibrate", "live", "--rig", "rig.toml", "--out", "board", "--no-monitor", *words]
    result = CliRunner().invoke(command_line(), asked)
    assert isinstance(result.exception, error)
    assert not Path("board").exists()


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_session_that_is_not_solved_is_kept_with_the_command_that_solves_it(
    by_hand: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if by_hand:
        monkeypatch.setattr("mavfer.calibrate.solver.solve.calibrate_sessions", interrupted)
    monkeypatch.chdir(tmp_path)
    Path("rig.toml").write_text(simulated_rig_file().replace('target = "face"', "fps = 10"))
    asked = ["calibrate", "live", "--rig", "rig.toml", "--out", "board", "--no-monitor", "--seconds", "1"]
    result = CliRunner().invoke(command_line(), asked)
    assert isinstance(result.exception, SystemExit if by_hand else CalibrationError)
    assert "complete: 10 ticks" in result.output
    assert "missing: " in result.output or "was not seen standing still" in result.output
    later = "mavfer calibrate solve board --board 9x6x25mm --out calibration.toml"
    assert f"the session is kept; solve it later with `{later}`" in result.output
    assert open_session(Path("board")).record.state == "complete"
    assert not Path("calibration.toml").exists()


@pytest.mark.timeout(280)
def test_a_guided_take_shows_on_the_page_what_the_session_then_holds(tmp_path: Path) -> None:
    if shutil.which(CHROMIUM) is None:
        assert not os.environ.get("CI"), f"wanted Debian's chromium, found nothing: {CHROMIUM}"
        pytest.skip("no chromium here")
    rig, desk, path = guided_rig(), Desk(), tmp_path / "board"
    reports = []
    take = threading.Thread(
        target=lambda: reports.append(
            record(path, rig=rig, subject="board", seconds=100, desk=desk, previews=True)
        )
    )
    with (
        sync_playwright() as playwright,
        Monitor(desk, streams=rig.streams) as monitor,
        LiveGuide(desk, BOARD, streams=rig.streams) as guide,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(monitor.new_link())
        take.start()
        try:
            expect(page.locator("#guide-hint")).not_to_be_empty(timeout=WAIT_S * 1000)
            hit = page.locator('figure[data-stream="color"] rect.hit')
            expect(hit).not_to_have_count(0, timeout=2 * WAIT_S * 1000)
            expect(page.locator("#guide-missing li")).not_to_have_count(0)
            expect(page.locator("#guide-counts tr")).to_have_count(4)
            desk.ask(Stop())
            take.join()
            shown = hit.count()
        finally:
            if take.is_alive():
                desk.ask(Stop())
                take.join()
            browser.close()
        assert failures == []
        assert 0 < shown <= guide.coverages["color"].cells.sum()
    assert reports[0].state == "stopped"
    session = open_session(path)
    found = find_views(session, BOARD)
    n_counted = guide.coverages["color"].n_views
    assert len(found) >= n_counted > 0
