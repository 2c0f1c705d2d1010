"""What offsets of many moments say together; numbers only."""

import numpy as np
import pytest

from mavfer.calibrate.verify.agreement import CameraAgreement, Measured, agreement_of, direction_of
from mavfer.calibrate.verify.edge_fit import Offset
from mavfer.calibrate.verify.steps import find_steps

F_PX = 1060.0


def moments(offsets_px, *, noise_px: float = 0.2, roll_deg: float = 0.0) -> list[Measured]:
    """Return a moment per offset (2,), one a second; none found where it is None."""
    random = np.random.default_rng(0)
    made = []
    for i, px in enumerate(offsets_px):
        offset = None
        if px is not None:
            found_px = np.array(px, float) + random.normal(0, noise_px, 2)
            turn_deg = np.append(np.degrees(found_px[::-1] / F_PX * (-1, 1)), roll_deg)
            offset = Offset(found_px, np.full(2, 0.1), turn_deg, 0.2, 0.9, 500, 940.0)
        made.append(Measured(10 * i, float(i), {}, offset, "" if offset else "the color picture is too dark"))
    return made


def judged(offsets_px, **options) -> CameraAgreement:
    return agreement_of("color", moments(offsets_px, **options), f_px=F_PX, limit_px=3.0)


def test_offsets_near_zero_agree() -> None:
    found = judged([(0, 0)] * 20)
    assert found.verdict == "agrees"
    assert len(found.segments) == 1


def test_an_offset_beyond_the_limit_is_a_knock_with_its_size_and_direction() -> None:
    found = judged([(-7, 0)] * 20, noise_px=0.0)
    assert found.verdict == "knocked"
    assert "7.0 ± " in found.reason
    assert "px left (0.38 degrees, or 6.2 mm at 0.94 m)" in found.reason


def test_a_roll_is_a_knock_where_it_moves_the_rim_of_a_face_beyond_the_limit() -> None:
    assert judged([(0, 0)] * 20, roll_deg=1.0).verdict == "agrees"
    rolled = judged([(0, 0)] * 20, roll_deg=2.0)
    assert rolled.verdict == "knocked"
    assert "turned 2.0 degrees clockwise" in rolled.reason


def test_a_knock_halfway_is_a_step_at_its_time() -> None:
    found = judged([(0, 0)] * 9 + [(0, 8)] * 11)
    assert found.verdict == "knocked"
    assert found.steps_s == ((8.0, 9.0),)
    assert "moved between 8.0 s and 9.0 s" in found.reason


def test_a_knock_that_is_undone_is_two_steps() -> None:
    found = judged([(0, 0)] * 8 + [(9, 0)] * 5 + [(0, 0)] * 8)
    assert found.verdict == "knocked"
    assert found.steps_s == ((7.0, 8.0), (12.0, 13.0))


def test_a_step_between_two_sides_of_the_limit_is_a_knock() -> None:
    assert judged([(-2, 0)] * 10 + [(2, 0)] * 10).verdict == "knocked"


def test_a_few_wild_moments_are_no_knock() -> None:
    offsets = [(0, 0)] * 20
    offsets[3] = offsets[11] = (25, -14)
    assert judged(offsets).verdict == "agrees"


def test_offsets_that_scatter_tell_nothing() -> None:
    found = judged([(0, 0)] * 12, noise_px=9.0)
    assert found.verdict == "cannot tell"
    assert "scatter too much" in found.reason


def test_too_few_moments_tell_nothing_and_say_why() -> None:
    found = judged([None] * 20 + [(0, 0)] * 4)
    assert found.verdict == "cannot tell"
    assert "4 of 24 moments" in found.reason
    assert "too dark" in found.reason
    assert found.worst is None
    assert judged([]).verdict == "cannot tell"


def test_moments_without_edges_do_not_matter_among_enough_others() -> None:
    assert judged([None, (0, 0)] * 10).verdict == "agrees"


@pytest.mark.parametrize(
    ("offset", "words"),
    [((1, 0), "right"), ((-1, 0.1), "left"), ((0, 1), "down"), ((0, -2), "up"), ((-1, 1), "left and down")],
)
def test_directions_are_those_of_the_picture(offset: tuple[float, float], words: str) -> None:
    assert direction_of(np.array(offset, float)) == words


def test_steps_are_found_only_where_levels_differ_clearly() -> None:
    random = np.random.default_rng(3)
    for _ in range(50):
        assert find_steps(random.normal(0, 1, (24, 3)), least_px=1.5) == []
    assert find_steps(np.zeros((4, 3)), least_px=1.5) == []
