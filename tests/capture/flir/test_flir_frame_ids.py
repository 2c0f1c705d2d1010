from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.flir.frame_ids import FrameIds, frames_absent

PERIOD_NS = 33_333_333


def numbers(raw_of, arrived, fps=30.0):
    """Number the frames that arrived; frame n is made at n periods and has the id raw_of(n)."""
    ids = FrameIds(fps=fps)
    return [ids.number(raw_of(n), n * PERIOD_NS) for n in arrived]


def gaps(found):
    return [after - before for before, after in pairwise(found)]


def gvsp(n):
    """Return the block id of frame n, the first being 1: 65535 is followed by 1."""
    return (n - 1) % 65535 + 1


@given(st.integers(1, 200_000), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_frames_that_are_lost_are_gaps_also_over_the_wrap(first, steps):
    arrived = [first]
    for step in steps:
        arrived.append(arrived[-1] + step)
    assert gaps(numbers(gvsp, arrived)) == steps


def test_the_wrap_itself_is_no_gap():
    assert numbers(gvsp, [65533, 65534, 65535, 65536, 65537]) == [65533, 65534, 65535, 65536, 65537]
    assert numbers(gvsp, [65534, 65537, 65538])[0:] == [65534, 65537, 65538]


def test_ids_that_count_from_nought_wrap_there():
    assert gaps(numbers(lambda n: n % 65536, range(65000, 65600))) == [1] * 599
    assert gaps(numbers(lambda n: n % 65536, [0, 1, 65535, 65536, 65538])) == [1, 65534, 1, 2]


@given(st.integers(2**16, 2**48), st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_ids_of_64_bits_do_not_wrap(first, steps):
    arrived = [first]
    for step in steps:
        arrived.append(arrived[-1] + step)
    assert gaps(numbers(lambda n: n, arrived)) == steps


def test_a_camera_that_begins_to_count_anew_goes_on_by_the_time_that_passed():
    ids = FrameIds(fps=30.0)
    assert [ids.number(5000 + k, k * PERIOD_NS) for k in range(3)] == [5000, 5001, 5002]
    assert ids.number(1, (2 + 60) * PERIOD_NS) == 5062
    assert ids.number(2, (2 + 61) * PERIOD_NS) == 5063


def test_a_repeated_id_never_stands_still_or_goes_back():
    found = numbers(lambda _: 7, range(5))
    assert all(step >= 1 for step in gaps(found))


def test_after_an_outage_what_was_not_sent_is_absent():
    assert frames_absent(2.0, 30.0) == 60
    assert frames_absent(1 / 30, 30.0) == 1
    assert frames_absent(0.0, 30.0) == 1
    assert frames_absent(2.0, 9.0) == 18
