"""Which color picture and which depth picture belong together."""

from itertools import pairwise

import numpy as np
import pytest

from mavfer.capture.kinect_v2.driver import PERIOD_NS
from mavfer.capture.kinect_v2.pairing import HELD, Pairing, Taken

EPOCH_NS = 8_000_000_000


def at(periods: float) -> Taken:
    """Return a time in periods; what arrives takes a fifth of one."""
    return Taken(EPOCH_NS + round(periods * PERIOD_NS), round((periods + 0.2) * PERIOD_NS))


def taken(pairing: Pairing) -> list[tuple[object, object]]:
    """Return the names of the pairs that are complete."""
    return [(lead, follower) for (_, lead), (_, follower) in iter(pairing.take, None)]


def run(leads: dict[int, float], followers: dict[int, float]):
    """Return the pairs of pictures that come in the order of their times, and the pairing."""
    pairing: Pairing[int, int] = Pairing()
    found = []
    for time, is_lead, name in sorted(
        [(time, True, name) for name, time in leads.items()]
        + [(time, False, name) for name, time in followers.items()]
    ):
        (pairing.lead if is_lead else pairing.follow)(at(time), name)
        found += taken(pairing)
    return found, pairing


@pytest.mark.parametrize("apart", [-0.45, -0.1, 0.0, 0.1, 0.45])
def test_two_cameras_in_step_are_paired_one_to_one(apart):
    found, pairing = run({n: n for n in range(60)}, {n: n + apart for n in range(60)})
    assert found == [(n, n) for n in range(60)]
    assert pairing.n_unpaired == 0
    assert pairing.apart_ns == pytest.approx(apart * PERIOD_NS, abs=2)


def test_pictures_half_a_period_apart_keep_their_partners_though_times_tremble_and_some_are_lost():
    rng = np.random.default_rng(7)
    leads = {n: n + float(rng.normal(0, 0.02)) for n in range(200) if n % 17}
    followers = {n: n + 0.5 + float(rng.normal(0, 0.02)) for n in range(200) if n % 29}
    found, pairing = run(leads, followers)
    assert found == [(n, n) for n in range(200) if n % 17 and n % 29]
    assert pairing.n_unpaired == len([n for n in leads if n % 29 == 0])


def test_a_lost_partner_costs_its_own_moment_and_no_other():
    found, pairing = run({n: n for n in range(12)}, {n: n + 0.1 for n in range(12) if n != 5})
    assert found == [(n, n) for n in range(12) if n != 5]
    assert pairing.n_unpaired == 1


def test_a_lost_leading_picture_costs_its_own_moment_and_no_other():
    found, pairing = run({n: n for n in range(12) if n != 5}, {n: n + 0.1 for n in range(12)})
    assert found == [(n, n) for n in range(12) if n != 5]
    assert pairing.n_unpaired == 0


def test_color_at_half_the_rate_is_paired_with_every_second_depth():
    found, pairing = run({n: n for n in range(0, 40, 2)}, {n: n - 0.2 for n in range(40)})
    assert found == [(n, n) for n in range(0, 40, 2)]
    assert pairing.n_unpaired == 0


def test_no_picture_goes_out_twice_and_none_before_one_that_went_out():
    rng = np.random.default_rng(3)
    leads = {n: float(n + rng.uniform(-0.4, 0.4)) for n in range(300) if rng.random() > 0.2}
    followers = {n: float(n + rng.uniform(-0.4, 0.4)) for n in range(300) if rng.random() > 0.2}
    found, _ = run(leads, followers)
    assert len(found) > 100
    assert all(later[0] > sooner[0] and later[1] > sooner[1] for sooner, later in pairwise(found))


def test_a_picture_waits_for_a_nearer_partner_and_no_longer():
    pairing: Pairing[str, str] = Pairing()
    pairing.lead(at(10), "lead")
    pairing.follow(at(9), "before")
    assert pairing.take() is None
    pairing.follow(at(10.05), "near")
    assert taken(pairing) == [("lead", "near")]


def test_a_wrong_time_is_paired_by_arrival():
    pairing: Pairing[int, str] = Pairing()
    for n in range(3):
        pairing.lead(at(n), n)
        pairing.follow(at(n) if n != 1 else Taken(5, at(1).arrival_ns), "wrong" if n == 1 else "right")
    assert taken(pairing) == [(0, "right"), (1, "wrong"), (2, "right")]


def test_leading_pictures_that_nobody_follows_do_not_pile_up():
    pairing: Pairing[int, int] = Pairing()
    for n in range(50):
        pairing.lead(at(n), n)
    assert pairing.n_unpaired == 50 - HELD
    pairing.follow(at(49), 49)
    assert taken(pairing) == [(49, 49)]
    assert pairing.n_unpaired == 49
