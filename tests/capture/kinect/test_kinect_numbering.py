from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.kinect_v2.driver import PERIOD_NS
from mavfer.capture.kinect_v2.light import Rate
from mavfer.capture.kinect_v2.numbering import Numbering

LATE_NS = st.integers(0, 15_000_000)


def placed(numbering, n, *, late_ns=4_000_000, device_ns=None, period_ns=PERIOD_NS):
    """Return the id of frame `n`, whose sensor's clock began 7 s before the host's."""
    exposed_ns = n * PERIOD_NS
    shown_ns = exposed_ns + 7_000_000_000 if device_ns is None else device_ns
    return numbering.place(shown_ns, exposed_ns + late_ns, period_ns=period_ns)


@given(st.sets(st.integers(1, 400)), st.data(), st.floats(-100e-6, 100e-6))
def test_ids_count_periods_whatever_is_lost_late_or_drifting(lost, data, drift):
    numbering = Numbering()
    for n in sorted({0, *range(0, 400, 7), *range(40)} - lost):
        device_ns = 7_000_000_000 + round(n * PERIOD_NS * (1 + drift))
        assert placed(numbering, n, late_ns=data.draw(LATE_NS), device_ns=device_ns) == n


@given(st.integers(2, 30), st.integers(-(10**16), 10**16))
def test_a_wrong_time_never_costs_more_than_its_own_frame(n_wrong, wrong_ns):
    numbering = Numbering()
    ids = {n: placed(numbering, n, device_ns=wrong_ns if n == n_wrong else None) for n in range(40)}
    assert {n: number for n, number in ids.items() if n < n_wrong} == {n: n for n in range(n_wrong)}
    after = [number for n, number in ids.items() if n > n_wrong]
    right_ns = 7_000_000_000 + n_wrong * PERIOD_NS
    if abs(wrong_ns - right_ns) > 500_000_000:  # nearer, it is taken for an early or a late frame
        assert after == list(range(n_wrong + 1, 40))
    assert after[4:] == list(range(after[4], after[4] + len(after) - 4))
    assert abs(after[-1] - 39) <= 16


@given(st.integers(0, 10**16), st.integers(3, 1000))
def test_a_clock_that_begins_anew_is_believed_after_three_frames_and_the_host_says_how_many_are_absent(
    epoch_ns, n_absent
):
    numbering = Numbering()
    for n in range(10):
        placed(numbering, n)
    back = 9 + n_absent
    ids = [
        placed(numbering, back + i, device_ns=epoch_ns + i * PERIOD_NS) for i in range(6)
    ]  # may be a clock that goes on, too
    assert ids[-3:] == [back + 3, back + 4, back + 5] or 0 < epoch_ns - 7_000_000_000 < 10**12


def test_an_opened_sensor_s_first_frame_is_believed_whatever_its_clock_says():
    numbering = Numbering()
    for n in range(10):
        placed(numbering, n)
    numbering.begin_anew()
    assert placed(numbering, 100, device_ns=3) == 100
    assert placed(numbering, 101, device_ns=3 + PERIOD_NS) == 101
    assert numbering.n_refused == 0


def test_a_clock_that_begins_anew_at_the_full_rate_is_believed_though_frames_were_slow():
    numbering = Numbering()
    for n in range(0, 20, 2):
        placed(numbering, n, period_ns=2 * PERIOD_NS)
    ids = [placed(numbering, 20 + i, device_ns=i * PERIOD_NS, period_ns=2 * PERIOD_NS) for i in range(6)]
    assert [number is None for number in ids] == [True, True, False, False, False, False]


def test_a_host_that_stood_still_makes_no_gap_where_the_driver_kept_the_frames():
    numbering = Numbering()
    late = {n: 2_000_000_000 if n == 10 else 2_000_000_000 - (n - 10) * PERIOD_NS + n for n in range(10, 30)}
    ids = [placed(numbering, n, late_ns=late.get(n, 4_000_000)) for n in range(30)]
    assert ids == list(range(30))


def test_slow_frames_count_one_at_their_own_period():
    numbering = Numbering()
    assert [placed(numbering, n, period_ns=2 * PERIOD_NS) for n in (0, 2, 4, 8, 10)] == [0, 1, 2, 4, 5]


@given(st.integers(0, 14))
def test_a_few_lost_frames_are_not_taken_for_low_light(n_lost_in_a_row):
    rate = Rate()
    times = [n for n in range(100) if not 50 <= n < 50 + n_lost_in_a_row and n % 10 != 7]
    for n in times:
        rate.add(n * PERIOD_NS)
        assert not rate.halved


def test_after_an_outage_the_rate_before_it_counts_until_seven_intervals_tell_of_another():
    rate = Rate()
    for n in range(0, 40, 2):
        rate.add(n * PERIOD_NS)
    assert rate.halved
    rate.begin_anew()
    assert rate.frames_per_s == 0
    halved = []
    for n in range(100, 110):
        rate.add(n * PERIOD_NS)
        halved.append(rate.halved)
    assert halved == [True] * 7 + [False] * 3


def test_a_clock_that_goes_back_begins_a_new_rate():
    rate = Rate()
    for n in (*range(100, 130), *range(30)):
        rate.add(n * PERIOD_NS)
    assert abs(rate.frames_per_s - 30) < 0.01
