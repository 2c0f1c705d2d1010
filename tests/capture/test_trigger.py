import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.trigger import NearestPerTick, Plan
from mavfer.errors import RecordError

plans = st.builds(
    Plan,
    first_tick_ns=st.integers(0, 2**60),
    fps=st.floats(0.5, 120),
    n_ticks=st.integers(1, 200),
)


@given(plans, st.integers(0, 199))
def test_the_tick_nearest_to_a_tick_is_itself(plan, n):
    assert plan.nearest_tick(plan.tick_ns(n)) == n


@given(plans)
def test_ticks_are_what_the_formula_says_to_the_nanosecond_and_do_not_drift(plan):
    ticks = plan.ticks_ns()
    assert ticks[0] == plan.first_tick_ns
    assert np.all(np.diff(ticks) > 0)
    assert ticks[-1] == plan.tick_ns(plan.n_ticks - 1)
    assert abs(ticks[-1] - plan.first_tick_ns - (plan.n_ticks - 1) * 1e9 / plan.fps) <= 1


@given(plans, st.integers(-(2**40), 2**40))
def test_shifting_a_plan_shifts_every_tick(plan, offset_ns):
    if plan.first_tick_ns + offset_ns >= 0:
        np.testing.assert_array_equal(plan.shifted(offset_ns).ticks_ns(), plan.ticks_ns() + offset_ns)


def test_no_time_after_the_end_is_nearest_to_a_tick_of_the_plan():
    plan = Plan(first_tick_ns=1000, fps=10, n_ticks=5)
    assert plan.nearest_tick(plan.end_ns - 1) == 4
    assert plan.nearest_tick(plan.end_ns + 1) == 5


def test_a_plan_can_be_cut_but_not_made_longer():
    plan = Plan(first_tick_ns=0, fps=10, n_ticks=5)
    assert (plan.cut(3).n_ticks, plan.cut(9).n_ticks, plan.cut(-2).n_ticks) == (3, 5, 0)


def test_a_plan_without_a_rate_has_no_ticks():
    with pytest.raises(RecordError, match="without fps"):
        Plan(first_tick_ns=0, fps=None, n_ticks=3).tick_ns(1)


def keep(plan, times_ns):
    keeper = NearestPerTick(plan)
    kept = [kept for t in times_ns for kept in keeper.push(t, t)]
    return kept + list(keeper.flush())


@given(st.integers(1, 60), st.integers(0, 2**31), st.floats(1, 60))
def test_every_tick_gets_the_frame_that_is_nearest_of_those_nearest_to_it(n_ticks, seed, sensor_fps):
    plan = Plan(first_tick_ns=5_000_000_000, fps=10, n_ticks=n_ticks)
    rng = np.random.default_rng(seed)
    period = 1e9 / sensor_fps
    times = 4e9 + rng.uniform(0, period) + np.arange(round((n_ticks / 10 + 2) * sensor_fps)) * period
    times = np.sort((times + rng.normal(0, period / 10, len(times))).astype(np.int64)).tolist()
    found = {kept.tick: kept.item for kept in keep(plan, times)}
    wanted = {}
    for t in times:
        tick = plan.nearest_tick(t)
        if 0 <= tick < n_ticks:
            wanted.setdefault(tick, []).append(t)
    assert found == {tick: min(ts, key=lambda t: abs(t - plan.tick_ns(tick))) for tick, ts in wanted.items()}


def test_a_sensor_three_times_as_fast_as_the_plan_fills_every_tick_once():
    plan = Plan(first_tick_ns=0, fps=10, n_ticks=50)
    kept = keep(plan, [round(7e6 + i * 1e9 / 30) for i in range(160)])
    assert [frame.tick for frame in kept] == list(range(50))


def test_a_plan_cut_while_frames_come_keeps_nothing_after_the_cut():
    plan = Plan(first_tick_ns=0, fps=10, n_ticks=50)
    keeper = NearestPerTick(plan)
    kept = [frame.tick for i in range(6) for frame in keeper.push(i * 100_000_000, i)]
    keeper.retime(plan.cut(4))
    kept += [frame.tick for i in range(6, 9) for frame in keeper.push(i * 100_000_000, i)]
    assert [*kept, *(frame.tick for frame in keeper.flush())] == [0, 1, 2, 3, 4]
