import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.camera import ClockReading
from mavfer.capture.flir.latch import Latch, Transport
from mavfer.capture.flir.stamps import RawTimes, choose_stamps
from mavfer.capture.flir.warm_up import warm_up_notice

HZ = 62_500_000


def frames(*, ns=True, ticks=True, n=10, pace=1.0):
    made = [n * 33_333_333 for n in range(n)]
    return [
        RawTimes(5 * 10**9 + t, round(7 + t * pace) if ns else None, (t * HZ // 10**9) if ticks else None)
        for t in made
    ]


def test_nanoseconds_are_taken_where_they_keep_time():
    assert choose_stamps(frames(), frequency=HZ).source == "ns"


def test_ticks_are_turned_into_nanoseconds_by_the_cameras_frequency():
    stamps = choose_stamps(frames(ns=False), frequency=HZ)
    assert stamps.source == "ticks"
    assert stamps.device_ns(RawTimes(0, None, HZ)) == 10**9


def test_nanoseconds_that_are_ticks_in_truth_are_not_believed():
    assert choose_stamps(frames(pace=0.0625), frequency=HZ).source == "ticks"


@given(st.integers(1, 900_000_000), st.integers(1, 9))
def test_a_busy_machine_that_takes_frames_late_does_not_change_the_choice(late_ns, n_late):
    for ns in (True, False):
        made = frames(ns=ns)
        late = [*made[: 10 - n_late], *(replace(t, host_ns=t.host_ns + late_ns) for t in made[10 - n_late :])]
        assert choose_stamps(late, frequency=HZ) == choose_stamps(made, frequency=HZ)


def test_ticks_of_nanoseconds_need_no_frequency():
    made = [RawTimes(times.host_ns, None, times.ns) for times in frames()]
    assert choose_stamps(made, frequency=None).device_ns(made[3]) == frames()[3].ns


@pytest.mark.parametrize("pace", [0.0, 1e-3, 1e3])
def test_without_a_clock_that_keeps_time_frames_are_stamped_at_arrival(pace):
    made = frames(ticks=False, pace=pace)
    stamps = choose_stamps(made, frequency=HZ)
    assert stamps.source == "host"
    assert [stamps.device_ns(times) for times in made] == [times.host_ns for times in made]


def test_transport_is_not_known_before_the_cameras_clock_was_read():
    assert Transport().add_frame(0, 10**9) == 0


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(1_000_000, 40_000_000), min_size=1, max_size=50),
)
def test_transport_is_the_least_delay_whatever_the_clocks_are_apart(offset_ns, delays_ns):
    transport = Transport()
    transport.add_reading(ClockReading(5 - offset_ns, 0, 10))
    for number, delay_ns in enumerate(delays_ns):
        exposed_ns = 10**9 + number * 33_333_333
        told_ns = transport.add_frame(exposed_ns - offset_ns, exposed_ns + delay_ns)
        assert told_ns == min(delays_ns[: number + 1])


def test_transport_forgets_what_is_five_readings_back():
    transport = Transport()
    told = []
    for number, delay_ns in enumerate([1_000_000, *[5_000_000] * 6]):
        transport.add_reading(ClockReading(number, number, number))
        told.append(transport.add_frame(10**9, 10**9 + delay_ns))
    assert told[:2] == [1_000_000, 1_000_000]
    assert told[-1] == 5_000_000


def test_a_latch_of_another_clock_tells_nothing():
    transport = Transport()
    transport.add_reading(ClockReading(0, 0, 0))
    assert transport.add_frame(10**15, 10**9) == 0


class Busy:
    """Nodes of a camera that refuses its first few commands, at once."""

    def __init__(self, n_refused):
        self.doubts, self._n_refused = [], n_refused

    def has(self, _):
        return True

    def execute(self, name):
        self._n_refused -= 1
        if self._n_refused >= 0:
            self.doubts.append(f"{name} was not carried out")
        return self._n_refused < 0

    def number(self, name):
        return 1e9 if name.endswith("Frequency") else 5.0


def test_a_camera_that_is_busy_once_is_asked_for_its_clock_again():
    nodes = Busy(1)
    latch = Latch(nodes)
    assert latch.read() is None
    assert nodes.doubts == []
    reading = latch.read()
    assert reading is not None
    assert reading.device_ns == 5


def test_a_camera_that_was_switched_on_long_ago_is_warm():
    assert warm_up_notice(wanted_min=10, device_ns=11 * 60 * 10**9, open_s=1.0) is None
    assert warm_up_notice(wanted_min=10, device_ns=9 * 60 * 10**9, open_s=1.0) is not None


def test_without_a_clock_of_its_own_it_is_cold_when_it_is_opened():
    assert "may have been on before" in (warm_up_notice(wanted_min=10, device_ns=None, open_s=0.0) or "")
    assert warm_up_notice(wanted_min=10, device_ns=None, open_s=601.0) is None


def test_a_clock_that_counts_from_another_moment_does_not_make_it_warm():
    assert warm_up_notice(wanted_min=10, device_ns=1_750_000_000 * 10**9, open_s=0.0) is not None


@given(st.floats(0.5, 120), st.floats(0, 7200))
def test_it_never_says_that_more_minutes_are_left_than_it_takes(wanted_min, powered_s):
    text = warm_up_notice(wanted_min=wanted_min, device_ns=round(powered_s * 1e9), open_s=0.0)
    if text is not None:
        left, wanted = map(float, re.search(r"at most (\S+) min left of (\S+) since", text).groups())
        assert left <= wanted


@given(st.floats(0, 1200))
def test_the_notice_changes_every_five_minutes_only(powered_s):
    texts = {warm_up_notice(wanted_min=20, device_ns=round(s * 1e9), open_s=0.0) for s in range(0, 1201, 10)}
    assert len(texts) == 5  # 20, 15, 10 and 5 minutes, and none
    assert warm_up_notice(wanted_min=20, device_ns=round(powered_s * 1e9), open_s=0.0) in texts


def test_a_frame_that_comes_late_was_exposed_when_it_was_by_the_quickest_reading():
    transport = Transport()
    assert transport.exposed_ns(5, 10) is None
    transport.add_reading(ClockReading(1_000, 5_000, 5_010))
    transport.add_reading(ClockReading(2_000, 5_950, 6_090))  # answered late: 15 ns off
    assert transport.exposed_ns(3_000, 7_020) == 7_005
    assert transport.exposed_ns(3_000, 3_000_007_005) == 7_005
    assert transport.exposed_ns(3_000, 30_000_000_000) is None  # another clock
