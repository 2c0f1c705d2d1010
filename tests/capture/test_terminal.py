import io
from pathlib import Path

import pytest
from rich.console import Console

from mavfer.capture.desk import Desk
from mavfer.capture.monitor.words import (
    STATES,
    TakeStart,
    clock_words,
    disk_words,
    health_words,
    left_words,
    time_words,
)
from mavfer.capture.status import Marker, RecorderStatus, StepStatus, TakeStatus, with_shared_disks
from mavfer.capture.terminal import TerminalView, rendered

S_NS = 1_000_000_000
TAKE = TakeStatus(
    state="recording",
    now_ns=1000 * S_NS,
    session=Path("takes/S07-2"),
    subject="S07",
    elapsed_s=123.4,
    seconds=900.0,
    skew_ms=1.2,
    recorders=(
        RecorderStatus(
            "kinect",
            state="recording",
            n_pings=8,
            grabbed=1240,
            kept=1234,
            bytes_per_s=1e6,
            disk_free_bytes=10**10,
        ),
        RecorderStatus(
            "thermal",
            state="recording",
            n_pings=8,
            lost={"queue full": 14},
            health={"sensor_temperature_c": 41.3},
        ),
    ),
    markers=(Marker(1000 * S_NS - 93 * S_NS, "video 1 starts"), Marker(990 * S_NS, "[red]x[/]", "lsl")),
    step=StepStatus(0, 2, "Relaxing video", "Do not speak.", 123.4, 600.0),
)


def shown(status, *, width=100, styles=False, **words):
    """Return what a terminal of a width shows of a status."""
    console = Console(width=width, record=True, force_terminal=True, file=io.StringIO(), legacy_windows=False)
    start = TakeStart()
    start.update(status)
    console.print(rendered(status, start, **words))
    return console.export_text(styles=styles)


def test_a_take_is_told_with_its_time_its_recorders_its_step_and_its_markers():
    text = shown(TAKE, footer="monitor: http://127.0.0.1:1/")
    for words in ("RECORDING", "02:03", "12:57 left", "skew 1.2 ms", "S07-2", "1,240", "1,234", "167 min"):
        assert words in text
    for words in ("sensor temperature 41.3 °C", "step 1 of 2  Relaxing video  07:57 left", "monitor: http"):
        assert words in text
    assert "00:30  video 1 starts" in text


def test_what_is_wrong_is_red_and_counted():
    styled = shown(TAKE, styles=True)
    assert "1 PROBLEM" in styled
    line = next(line for line in styled.splitlines() if "14 lost (queue full)" in line)
    assert "\x1b[1;31m" in line
    assert "PROBLEM" not in shown(TakeStatus(state="ready"))


def test_hostile_words_are_shown_as_words():
    assert "[red]x[/]" in shown(TAKE)
    evil = "\x1b[2Jaway"
    one = RecorderStatus(evil, complaints=(evil,), camera=evil, health={evil: 1.0})
    step = StepStatus(0, 1, evil, evil)
    marker = Marker(0, evil, evil)
    status = TakeStatus(notice=evil, subject=evil, recorders=(one,), step=step, markers=(marker,))
    assert "\x1b[2J" not in shown(status, styles=True)
    assert shown(status).count("away") >= 8


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_state_has_its_word_at_every_width(state, width):
    text = shown(TakeStatus(state=state, recorders=TAKE.recorders), width=width)
    assert STATES[state][0] in text
    assert all(len(line) <= width for line in text.splitlines())


def test_a_terminal_shows_the_view_and_what_is_told_above_it():
    desk, out = Desk(), io.StringIO()
    desk.show(TAKE)
    console = Console(width=100, file=out, force_terminal=True, legacy_windows=False)
    with TerminalView(desk, console=console) as view:
        view.tell("monitor: [bold]http://127.0.0.1:1/enter?token=abc[/]")
    assert "monitor: [bold]http" in out.getvalue()
    assert "RECORDING" in out.getvalue()


def test_nothing_is_shown_where_stderr_is_no_terminal(capfd):
    desk = Desk()
    desk.show(TAKE)
    with TerminalView(desk) as view:
        view.tell("a line")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "a line\n")


def test_time_is_cut_off_and_what_is_left_is_rounded_up():
    assert [time_words(s) for s in (-3, 0, 59.99, 60, 3599, 3600)] == [
        "00:00",
        "00:00",
        "00:59",
        "01:00",
        "59:59",
        "1:00:00",
    ]
    assert [left_words(s) for s in (-3, 0, 0.01, 59.5)] == ["00:00", "00:00", "00:01", "01:00"]


def test_a_marker_keeps_its_time_after_the_take():
    start = TakeStart()
    start.update(TAKE)
    after = TakeStatus(state="ready", now_ns=5000 * S_NS, session=TAKE.session)
    start.update(after)
    assert start.words(TAKE.markers[0]) == "00:30"
    start.update(TakeStatus(state="ready", session=Path("another")))
    assert start.words(TAKE.markers[0]) == "–"


def test_health_clock_and_disk_are_told_with_their_units():
    assert health_words("sensor_temperature_c", 41.26) == ("sensor temperature", "41.3 °C")
    assert health_words("frames_per_packet", 3.0) == ("frames per packet", "3")
    assert health_words("s", 3.0) == ("s", "3")
    one = RecorderStatus("a", clock_offset_ms=-12250.0, clock_residual_ms=0.2, round_trip_ms=1.0, n_pings=8)
    assert clock_words(one) == ("−12.250 s ± 0.20 ms", "1.00 ms")
    assert clock_words(RecorderStatus("a"))[0] == "not measured"
    assert disk_words(RecorderStatus("a")) == "–"
    assert disk_words(RecorderStatus("a", disk_free_bytes=5 * 10**9)) == "5.0 GB"
    assert disk_words(RecorderStatus("a", disk_free_bytes=600, bytes_per_s=2.0)) == "5.0 min"


def test_the_minutes_of_a_disk_are_those_that_all_who_write_to_it_leave_together():
    rates = {"kinect": 3.0, "thermal": 1.0, "far": 4.0, "unknown": 4.0}
    statuses = [RecorderStatus(name, disk_free_bytes=600, bytes_per_s=rate) for name, rate in rates.items()]
    found = with_shared_disks(statuses, {"kinect": "a:1", "thermal": "a:1", "far": "b:1"})
    assert [disk_words(one) for one in found] == ["2.5 min, shared", "2.5 min, shared", "2.5 min", "2.5 min"]
    assert found[0].problems == ("disk shared with thermal full in 2.5 min",)
    assert found[2:] == tuple(statuses[2:])
