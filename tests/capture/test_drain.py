import re
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from mavfer.capture.camera import Capture
from mavfer.capture.clock import VirtualClock
from mavfer.capture.drain import GIVEN_UP, Drain
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.payload import EVENTS, FLAGS, decode_json
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan
from mavfer.errors import CameraError, CameraGone

DEPTH = StreamSpec(Stream.DEPTH, (4, 5), "uint16", "mm")
PLAN = Plan(first_tick_ns=10_000_000_000, fps=10, n_ticks=20)
WAIT_S = 20.0


@dataclass
class FakeSensor:
    """A camera of 30 frames per second that misbehaves as told; frame 1000 comes at the first tick."""

    clock: VirtualClock
    skip: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    late_ns: dict[int, int] = field(default_factory=dict)
    silent_after: int | None = None
    away: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    flagged: dict[int, tuple[str, ...]] = field(default_factory=dict)
    exposed_late_ns: int | None = None
    may_retrieve: threading.Event = field(default_factory=threading.Event)
    specs: tuple[StreamSpec, ...] = (DEPTH,)
    fps: float = 30.0
    n: int = 990

    def open(self):
        pass

    def start(self, first_tick_ns):
        self.first_tick_ns = first_tick_ns

    def grab(self, timeout_s):  # noqa: ARG002 - a virtual clock has no time-out
        self.n += 1
        while self.n in self.skip:
            self.n += 1
        if self.silent_after is not None and self.n > self.silent_after:
            raise CameraError("no frame came")
        if self.n in self.away:
            raise CameraError("the link is down")
        if self.n in self.gone:
            self.clock.wait_until_ns(self.first_tick_ns + round((self.n - 1000) * 1e9 / 30))
            raise CameraGone("the camera is unplugged")
        device_ns = round((self.n - 1000) * 1e9 / 30)
        host_ns = self.first_tick_ns + device_ns + self.late_ns.get(self.n, 0)
        self.clock.wait_until_ns(host_ns)
        number = self.n

        def retrieve():
            assert self.may_retrieve.wait(WAIT_S)
            if number in self.broken:
                raise CameraError("the packet was torn")
            pixels = np.full(DEPTH.shape, number, np.uint16)
            flags = self.flagged.get(number, ())
            return (Frame(Stream.DEPTH, pixels, device_ns + 10**12, host_ns, number, flags=flags),)

        late_ns = self.exposed_late_ns
        exposed_ns = None if late_ns is None else self.first_tick_ns + device_ns + late_ns
        return Capture(number, device_ns + 10**12, host_ns, retrieve, exposed_ns=exposed_ns)

    def nodes(self):
        return {}

    def close(self):
        pass


@pytest.fixture
def drained(tmp_path):
    """Return a function that drains a sensor by PLAN; it gives counters, complaints and stored frame ids."""

    def drain(*, keep="nearest", queue_length=64, wait_for_writer=True, hold=False, **faults):
        clock = VirtualClock(9_000_000_000)
        sensor = FakeSensor(clock, **faults)
        writer = SessionWriter(tmp_path, recorder="kinect", specs=(DEPTH,))
        if not hold:
            sensor.may_retrieve.set()
        work = Drain(
            sensor,
            writer,
            plan=PLAN,
            keep=keep,
            queue_length=queue_length,
            clock=clock,
            wait_for_writer=wait_for_writer,
        )
        if hold:
            work.grabbing_is_over.wait(WAIT_S)
            sensor.may_retrieve.set()
        assert work.finished.wait(WAIT_S)
        writer.finish()
        rows = McapReader(tmp_path / "kinect.0000.mcap").rows
        return work.counters, list(work.complaints.lines()), rows["sequence"][rows["channel"] == 2].tolist()

    return drain


def test_every_tick_gets_the_frame_nearest_to_it(drained):
    counters, complaints, ids = drained()
    assert ids == [1000 + 3 * tick for tick in range(20)]
    assert (counters.kept, counters.lost, counters.tick, complaints) == (20, {}, 19, [])
    assert counters.grabbed >= 60


def test_a_camera_that_is_gone_and_looked_for_is_not_given_up(drained, tmp_path, monkeypatch):
    monkeypatch.setattr("mavfer.capture.drain.CAMERA_HUNG_S", 0.05)  # half of the time between two tries
    counters, complaints, ids = drained(keep="all", gone=(1010, 1011, 1012))
    assert ids == [*range(999, 1010), *range(1013, 1059)]
    assert counters.lost == {"sensor": 3}
    assert complaints[0] == "the camera is unplugged"
    assert re.fullmatch(r"the camera is back after \d\.\d s", complaints[1])
    assert event_texts(tmp_path) == complaints


def event_texts(folder):
    reader = McapReader(folder / "kinect.0000.mcap")
    rows = reader.rows[reader.rows["channel"] == EVENTS.id]
    return [decode_json(reader.payload(row))["text"] for row in rows]


def test_a_camera_that_is_gone_before_the_first_tick_was_not_gone_for_less_than_no_time(drained):
    counters, complaints, ids = drained(gone=(991, 992))
    assert re.fullmatch(r"the camera is back after \d\.\d s", complaints[1])
    assert (ids, counters.lost) == ([1000 + 3 * tick for tick in range(20)], {})


def test_a_camera_that_is_gone_as_the_plan_ends_is_an_event_of_the_take(drained, tmp_path):
    _, complaints, _ = drained(gone=(1059,), late_ns={1058: 1_000_000_000})
    assert event_texts(tmp_path) == complaints == ["the camera is unplugged"]


def test_a_frame_is_taken_for_the_tick_at_which_it_was_exposed(drained):
    _, _, ids = drained(exposed_late_ns=-40_000_000)
    assert ids == [1001 + 3 * tick for tick in range(20)]  # came 33 ms late, was exposed 7 ms early


def test_what_a_camera_says_of_single_frames_stands_beside_them(drained, tmp_path):
    drained(flagged={1003: ("nuc", "repeated"), 1004: ("repeated",)})
    reader = McapReader(tmp_path / "kinect.0000.mcap")
    told = [decode_json(reader.payload(row)) for row in reader.rows[reader.rows["channel"] == FLAGS.id]]
    assert told == [{"stream": "depth", "frame_id": 1003, "flags": ["nuc", "repeated"]}]


def test_keeping_all_keeps_every_frame_within_the_plan(drained):
    counters, _, ids = drained(keep="all")
    assert ids == list(range(999, 1059))
    assert counters.kept == 60


def test_a_frame_that_was_collected_late_keeps_its_tick(drained):
    _, _, ids = drained(late_ns={1012: 45_000_000})
    assert ids == [1000 + 3 * tick for tick in range(20)]


def test_gaps_in_the_sensor_s_counter_are_counted_as_lost(drained):
    counters, _, ids = drained(skip=(1004, 1012, 1013))
    assert counters.lost == {"sensor": 3}
    assert len(ids) == 20


def test_gaps_before_the_plan_are_no_loss(drained):
    assert drained(skip=(992, 993))[0].lost == {}


def test_a_full_queue_costs_frames_that_are_counted_and_memory_stays_bounded(drained):
    counters, _, ids = drained(queue_length=4, wait_for_writer=False, hold=True)
    assert counters.kept + counters.lost["queue"] == 20
    assert len(ids) == counters.kept <= 6
    assert ids == sorted(ids)


def test_on_a_virtual_clock_a_full_queue_makes_the_camera_wait(drained):
    counters, _, ids = drained(queue_length=1)
    assert (counters.lost, len(ids)) == ({}, 20)


def test_a_frame_that_cannot_be_read_is_counted_and_the_take_goes_on(drained):
    counters, complaints, ids = drained(broken=(1003, 1030))
    assert counters.lost == {"camera": 2}
    assert complaints == ["the packet was torn"]
    assert len(ids) == 18


@pytest.fixture
def impatient(monkeypatch):
    """Give cameras up after a moment."""
    monkeypatch.setattr("mavfer.capture.drain.CAMERA_HUNG_S", 0.3)


@pytest.mark.usefixtures("impatient")
def test_a_camera_that_falls_silent_is_given_up_and_what_it_gave_is_kept(drained):
    counters, complaints, ids = drained(silent_after=1031)
    assert complaints == ["no frame came", GIVEN_UP]
    assert ids == [1000 + 3 * tick for tick in range(11)]
    assert counters.tick == 10


def test_a_camera_that_is_away_for_a_moment_costs_the_frames_of_that_moment_alone(drained):
    counters, complaints, ids = drained(away=tuple(range(1010, 1014)))
    assert complaints == []
    assert counters.lost == {"sensor": 4}
    assert ids[-1] == 1057


@pytest.mark.usefixtures("impatient")
def test_a_defect_in_a_driver_does_not_pass_in_silence(drained):
    _, complaints, _ = drained(skip=None)
    assert complaints[0].startswith("TypeError(")
    assert complaints[1] == GIVEN_UP


def test_a_gap_over_the_plan_s_edge_counts_with_the_frames_that_the_plan_wanted(drained):
    before = drained(skip=tuple(range(992, 1002)))[0]
    assert before.lost == {"sensor": 3}  # 999, 1000, 1001


def test_a_gap_over_the_plan_s_end_is_counted(drained):
    assert drained(skip=tuple(range(1055, 1070)))[0].lost == {"sensor": 4}  # 1055 to 1058


def test_a_camera_that_is_gone_at_the_end_leaves_every_tick_settled_and_its_frames_counted(drained):
    counters, complaints, ids = drained(keep="all", gone=tuple(range(1030, 2000)))
    assert ids == list(range(999, 1030))
    assert counters.tick == PLAN.n_ticks - 1
    assert counters.lost == {"sensor": pytest.approx(1059 - 1030, abs=1)}
    assert complaints == ["the camera is unplugged"]


def test_a_camera_that_comes_and_goes_is_told_of_a_few_times_only(drained, tmp_path):
    _, complaints, _ = drained(keep="all", gone=tuple(range(1002, 1040, 2)))
    assert len(complaints) <= 6
    reader = McapReader(tmp_path / "kinect.0000.mcap")
    assert np.sum(reader.rows["channel"] == EVENTS.id) == 2 * 19


def test_frames_that_come_later_and_later_belong_to_the_ticks_at_which_they_were_exposed(drained):
    late_ns = {number: (number - 1000) * 60_000_000 for number in range(1001, 1200)}  # 3.6 s at the end
    counters, complaints, ids = drained(late_ns=late_ns, exposed_late_ns=0)
    assert ids == [1000 + 3 * tick for tick in range(20)]
    assert counters.lost == {}
    assert all("jumped" not in line for line in complaints)
