import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.flir.correction import Corrections

PERIOD_NS = 33_333_333


def flagged(pictures, *, commanded=()):
    """Flag frames that show `pictures`, equal letters for equal pixels; NUCs before those `commanded`."""
    corrections, last, flags = Corrections(), None, []
    for number, picture in enumerate(pictures):
        if number in commanded:
            corrections.command(number * PERIOD_NS - 1)
        flags.append(corrections.flags(number * PERIOD_NS, repeated=picture == last))
        last = picture
    return flags


def test_pictures_that_all_differ_are_not_flagged():
    assert flagged("abcdefgh") == [()] * 8


def test_a_single_repeated_picture_is_no_correction():
    assert flagged("abbcd") == [(), (), ("repeated",), (), ()]


def test_a_held_picture_is_a_correction_from_the_third_on():
    assert flagged("abbbbcd") == [(), (), ("repeated",), *[("nuc", "repeated")] * 2, (), ()]


def test_of_a_commanded_correction_all_frames_are_flagged_until_the_picture_moves_again():
    flags = flagged("abcccccde", commanded={2})
    assert flags == [(), (), ("nuc",), *[("nuc", "repeated")] * 4, (), ()]


def test_a_command_that_holds_no_picture_flags_one_second():
    flags = flagged([str(n) for n in range(60)], commanded={0})
    assert [flag for flag in flags if flag == ("nuc",)] == flags[:31]
    assert set(flags[31:]) == {()}


def test_a_picture_held_for_ever_is_told_as_such():
    flags = flagged("a" * 200, commanded={0})
    assert set(flags[5:]) == {("nuc", "repeated")}


@given(st.lists(st.integers(0, 2), max_size=80), st.sets(st.integers(0, 79), max_size=4))
def test_repeated_is_flagged_exactly_where_pixels_repeat(pictures, commanded):
    flags = flagged(pictures, commanded=commanded)
    for number, flag in enumerate(flags):
        assert ("repeated" in flag) == (number > 0 and pictures[number] == pictures[number - 1])
        assert set(flag) <= {"nuc", "repeated"}


@pytest.mark.parametrize("length", [3, 15, 29])
def test_after_a_commanded_correction_the_next_one_is_found_as_well(length):
    pictures = ["a", *["b"] * length, "c", "d", *["e"] * length, "f"]
    flags = flagged(pictures, commanded={2})
    nuc = [number for number, flag in enumerate(flags) if "nuc" in flag]
    assert nuc == [*range(2, length + 1), *range(length + 5, 2 * length + 3)]
