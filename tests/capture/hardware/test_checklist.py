"""A camera that lies is found out, whatever it lies about; the report is written whatever happens."""

import io
import json
import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.hardware.names import Names
from mavfer.capture.hardware.person import AtTerminal
from mavfer.errors import CameraError, OutputError


def test_a_camera_without_a_fault_fails_nothing_and_leaves_its_dumps(checked, film):
    found = checked(film(fps=100, ppm=30), seconds=3)
    assert {one.verdict for one in found.told} <= {"ok", "doubtful", "not done"}
    for key in ("open", "nodes", "trouble", "drops", "order", "flags", "notices", "close"):
        assert found[key].verdict == "ok", found[key]
    table = json.loads((found.folder / "report.json").read_text(encoding="utf-8"))
    assert table["schema"] == 1
    assert not table["interrupted"]
    (camera,) = table["cameras"]
    assert [one["key"] for one in camera["steps"]] == [one.key for one in found.told]
    assert all(one["expects"] and one["source"] and one["found"] for one in camera["steps"])
    assert json.loads((found.folder / "cam" / "nodes.json").read_text(encoding="utf-8")) == {"serial": "T-1"}
    assert (found.folder / "cam" / "genicam.xml").is_file()
    written = (found.folder / "cam" / "frames.csv").read_text().splitlines()
    assert len(written) == 1 + found["drops"].measured["n_frames"]
    on_disk = {
        path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()
    }
    assert on_disk == {*table["files"], "report.json", "report.html"}


def test_a_clock_of_known_drift_is_measured_within_what_is_said_of_it(checked, film):
    found = checked(film(fps=100, ppm=2000), seconds=4)
    drift = found["drift"].measured
    assert abs(drift["drift_ppm"] - 2000) <= 2 * drift["uncertainty_ppm"]
    assert found["drift"].verdict == "failed"  # more than any quartz: it does not count nanoseconds
    read = found["clock_readings"].measured
    assert read["n_readings"] > 10


def test_a_drift_that_a_short_watch_cannot_tell_wants_a_longer_one(checked, film):
    found = checked(film(fps=20, reads_clock=False), seconds=1)
    assert found["drift"].verdict == "doubtful"
    assert found["drift"].found.endswith("; watch longer, --seconds 60")


def test_what_a_network_camera_never_has_is_no_doubt(checked, film, color):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/video"
    camera = film(fps=100, spec=color, reads_clock=False, told={"frame_time": "arrival"})
    found = checked(camera, kind="webcam", settings={"webcam": {"device": address}})
    keys = {one.key for one in found.check.findings}
    assert not {"drift", "delay", "clock_readings"} & keys  # no clock of a device behind it
    one = found["second_program"]  # which finds nobody at the address, while our stream goes on
    assert one.measured["opened"] is False
    assert one.verdict == "ok", one


def test_a_person_is_shown_where_a_picture_lies_whatever_folder_was_named(
    checked, film, scripted, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    person = scripted({"RIGHT hand": bool}, answer="yes")
    checked(film(fps=100), person=person, out=Path("relative"))
    (line,) = [line for line in person.heard if "look at" in line]
    assert Path(line.partition("look at ")[2]).is_absolute()


def test_an_answer_that_is_none_is_said_to_be_none(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("\nmaybe\ny\nwarm\n35,5\n"))
    person = AtTerminal()
    assert person.ask("Is it?") == "yes"
    told = capsys.readouterr().err
    assert told.count("Is it?") == 3
    assert told.count("say y, n or s") == 2
    assert person.number("How warm?") == 35.5
    assert capsys.readouterr().err.count("say a number") == 1


def ids_of(found) -> list[int]:
    """Return the numbers of the frames that were watched, as they were written."""
    rows = (found.folder / "cam" / "frames.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [int(row.split(",")[0]) for row in rows]


def test_lost_frames_are_counted_to_the_frame_and_fail(checked, film):
    lost = frozenset(range(7, 1000, 10))
    found = checked(film(fps=100, absent=lost))
    ids = ids_of(found)
    n_lost = sum(ids[0] < n < ids[-1] for n in lost)
    assert n_lost >= 5
    assert found["drops"].verdict == "failed"
    assert found["drops"].measured["n_absent"] == n_lost
    assert found["drops"].measured["n_gaps"] == n_lost
    assert found["drops"].measured["n_frames"] == len(ids)


def test_half_the_announced_rate_is_named_as_low_light_and_fails(checked, film):
    found = checked(film(fps=60, slow_from=0), seconds=2)
    assert found["rate"].verdict == "failed"
    assert found["rate"].measured["arrival_fps"] == pytest.approx(30, rel=0.1)
    assert "low light" in found["rate"].found
    assert found["notices"].found == "the light is low"
    assert found["drops"].verdict == "ok"


def test_device_times_that_go_back_are_counted(checked, film):
    back = frozenset(range(9, 1000, 30))
    found = checked(film(fps=100, back=back))
    n_back = sum(n in back for n in ids_of(found)[1:])
    assert n_back >= 2
    assert found["order"].verdict == "doubtful"
    assert found["order"].measured["n_back_times"] == n_back


def test_a_camera_that_does_not_open_leaves_a_report_that_says_why(checked, film):
    found = checked(film(error=CameraError("the camera is in use by another program; close it: T-1")))
    assert found["open"].verdict == "failed"
    assert found["open"].found == "the camera is in use by another program; close it: T-1"
    rest = found.check.findings[1:]
    assert {(one.verdict, one.found) for one in rest} == {("not done", "the camera did not open")}
    assert [one.title for one in found.told[1:]] == [f"{len(rest)} more steps"]  # one line for all
    assert (found.folder / "report.html").is_file()


def test_a_webcam_that_does_not_open_is_asked_for_no_temperature(checked, film):
    found = checked(film(error=CameraError("there is none")), kind="webcam")
    keys = {one.key for one in found.check.findings}
    assert {"open", "rate", "drift", "mirror", "unplug"} <= keys
    assert not {"temperature", "hand", "black_body", "depth", "nuc", "clock_readings"} & keys


def test_a_drivers_surprise_is_a_verdict_and_the_steps_after_it_still_run(checked, film):
    class Odd(film):
        def _picture(self, n):  # noqa: ARG002
            raise KeyError("a frame that nobody has seen before")

    found = checked(Odd(fps=100))
    assert found["streams"].verdict == "failed"
    assert "KeyError" in found["streams"].found
    assert found["close"].verdict == "ok"


def test_pixels_unlike_those_that_were_promised_fail(checked, film):
    found = checked(film(fps=100, pixels=lambda _: np.zeros((3, 4), np.uint16)))
    assert found["streams"].verdict == "failed"
    assert "wants (24, 32) uint16, found (3, 4)" in found["streams"].found


def test_counts_that_mean_hundreds_of_degrees_too_much_fail(checked, film):
    found = checked(film(fps=100, pixels=lambda n: np.full((24, 32), 40_000 + n % 9, np.uint16)))
    assert found["temperature"].verdict == "failed"
    assert found["temperature"].measured["median_c"] > 1000


def test_an_unplugged_camera_that_counts_its_outage_passes(checked, film, scripted):
    camera = film(fps=100)
    deeds = {"unplug the camera": bool, "Unplug it now": camera.vanish, "Plug it in": camera.come_back}
    found = checked(camera, kind="flir_a65", person=scripted(deeds))
    one = found["unplug"]
    assert one.verdict == "ok", one
    assert one.measured["named_gone"] is True
    assert abs(one.measured["n_absent"] - one.measured["n_wanted"]) <= 100


def test_an_outage_that_the_numbers_do_not_show_fails(checked, film, scripted):
    camera = film(fps=1000, tells=False)
    deeds = {"unplug the camera": bool, "Unplug it now": camera.vanish, "Plug it in": camera.come_back}
    found = checked(camera, kind="flir_a65", person=scripted(deeds))
    assert found["unplug"].verdict == "failed"
    assert "the gap is not counted" in found["unplug"].found


@pytest.mark.parametrize(("tells", "verdict"), [(True, "ok"), (False, "failed")])
def test_a_dark_room_has_to_be_told_and_to_be_over_with_light(
    checked, film, scripted, color, monkeypatch, tells, verdict
):
    for name in ("RECENT_S", "SETTLE_S"):
        monkeypatch.setattr(f"mavfer.capture.hardware.person_steps.{name}", 0.7)
    camera = film(fps=60, spec=color, tells=tells)
    person = scripted({"Cover the color lens": camera.light.clear, "Light again": camera.light.set})
    found = checked(camera, kind="webcam", person=person)
    one = found["dark"]
    assert one.verdict == verdict, one
    assert one.measured["dark_fps"] == pytest.approx(30, rel=0.15)
    assert one.measured["recovered"] is True


def nuc_camera(film, *, flagged: bool):
    held = frozenset(range(120, 160))

    def pixels(n: int) -> np.ndarray:
        rng = np.random.default_rng(120 if n in held else n)
        return rng.integers(7000, 7400, (24, 32)).astype(np.uint16)

    class Correcting(film):
        def start(self, first_tick_ns):
            super().start(first_tick_ns)
            if self.starts[-1] > 0:  # a take begins, which corrects the detector
                self.n = 100

    return Correcting(fps=60, pixels=pixels, flagged=held if flagged else frozenset())


@pytest.mark.parametrize(("flagged", "verdict"), [(True, "ok"), (False, "failed")])
def test_pictures_held_by_a_correction_have_to_be_flagged_every_one(
    checked, film, scripted, monkeypatch, flagged, verdict
):
    monkeypatch.setattr("mavfer.capture.hardware.person_steps.NUC_WITHIN_S", 2.0)
    camera = nuc_camera(film, flagged=flagged)
    found = checked(camera, kind="flir_a65", person=scripted({"shutter's click": bool}))
    one = found["nuc"]
    assert one.verdict == verdict, one
    assert one.measured["n_held"] == 39
    assert one.measured["n_held_unflagged"] == (0 if flagged else 39)
    assert any(
        lead_ns > 0 for lead_ns in camera.starts
    )  # begun as a take begins, which corrects the detector


def test_a_known_temperature_is_held_against_what_the_camera_sees(checked, film, scripted):
    warm = round((36.0 + 273.15) / 0.04)
    camera = film(fps=100, pixels=lambda n: np.full((24, 32), warm + n % 2, np.uint16))
    found = checked(camera, person=scripted({"black body": bool}, number=35.0))
    assert found["black_body"].verdict == "ok"
    seen_c = [(warm + n) * 0.04 - 273.15 for n in (0, 1)]
    assert seen_c[0] - 35 - 1e-6 <= found["black_body"].measured["off_k"] <= seen_c[1] - 35 + 1e-6


def test_what_a_person_says_of_the_mirror_is_the_verdict(checked, film, scripted):
    found = checked(film(fps=100), person=scripted({"RIGHT hand": bool}, answer="no"))
    assert found["mirror"].verdict == "failed"
    assert found["mirror"].measured == {"mirrored": True}
    assert (found.folder / "cam" / "page_in_the_right_hand_thermal.png").is_file()


def test_ctrl_c_in_the_middle_of_the_stream_keeps_what_was_measured(checked, film):
    def stop(n: int) -> None:
        if n == 150:
            signal.raise_signal(signal.SIGINT)  # Python runs the handler in the main thread

    found = checked(film(fps=100, on_frame=stop, ppm=0), seconds=600)
    assert found.check.interrupted
    assert found["drops"].verdict == "ok"
    assert 50 <= found["drops"].measured["n_frames"] < 30_000
    assert found["streams"].verdict == "not done"
    assert found["streams"].found == "interrupted before"
    assert found["close"].verdict == "ok"
    assert json.loads((found.folder / "report.json").read_text(encoding="utf-8"))["interrupted"]


def test_ctrl_c_while_a_person_is_asked_keeps_what_was_measured(checked, film, scripted):
    person = scripted({"RIGHT hand": lambda: signal.raise_signal(signal.SIGINT)})
    found = checked(film(fps=100), person=person)
    assert found.check.interrupted
    assert "thermal 32x24 uint16" in found["streams"].found
    assert found["mirror"].verdict == "not done"
    assert (found.folder / "report.html").is_file()


def test_signals_are_as_before_when_it_is_over(checked, film):
    before = signal.getsignal(signal.SIGINT)
    checked(film(fps=100))
    assert signal.getsignal(signal.SIGINT) is before


def test_no_picture_is_kept_where_none_is_wanted(checked, film):
    found = checked(film(fps=100), keeps_pictures=False)
    assert list(found.folder.rglob("*.png")) == []
    assert "<img" not in (found.folder / "report.html").read_text(encoding="utf-8")


def test_a_folder_that_holds_something_is_left_alone(checked, film, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    camera = film(fps=100)
    with pytest.raises(OutputError, match="pass --overwrite"):
        checked(camera)
    with pytest.raises(OutputError, match=r"report\.json"):
        checked(camera, overwrite=True)
    assert camera.opened == 0
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_names_of_machine_user_and_home_do_not_leave_the_lab(checked, film, monkeypatch):
    monkeypatch.setattr(
        "mavfer.capture.hardware.checklist.Names",
        lambda: Names(home=r"C:\Users\Erika Muster", user="emuster", host="LAB-PC-7"),
    )
    told = {"producer": r"C:\Users\Erika Muster\x.cti", "owner": "emuster on lab-pc-7", "model": "A65"}
    found = checked(film(fps=100, told=told, error=None))
    for path in found.folder.rglob("*"):
        if path.suffix in (".json", ".html", ".xml", ".csv"):
            text = path.read_text(encoding="utf-8").lower()
            for name in ("erika", "muster", "lab-pc-7"):
                assert name not in text, path
    nodes = json.loads((found.folder / "cam" / "nodes.json").read_text(encoding="utf-8"))
    assert nodes == {"producer": r"~\x.cti", "owner": "USER on MACHINE", "model": "A65"}


@pytest.mark.parametrize(
    ("home", "text", "hidden"),
    [
        ("/home/erika", "no such file: /home/erika/lab/a.cti", "no such file: ~/lab/a.cti"),
        ("/home/erika", "/home/erikas/a.cti", "/home/erikas/a.cti"),
        (r"C:\Users\erika", '{"a": "C:\\\\Users\\\\erika\\\\a"}', '{"a": "~\\\\a"}'),
        (r"C:\Users\erika", "c:/users/Erika/a", "~/a"),
        ("/", "/some/a", "/some/a"),
    ],
)
def test_a_home_folder_becomes_a_tilde_however_it_is_written(home, text, hidden):
    assert Names(home=home, user="", host="").hide(text) == hidden
