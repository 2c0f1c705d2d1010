from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.protocol import Step, StepMarker
from mavfer.capture.status import Marker, StepStatus
from mavfer.capture.steps import StepClock, step_requests

S = 1_000_000_000
VIDEO = Step(
    name="video",
    seconds=600,
    text="watch",
    markers=(StepMarker(label="one"), StepMarker(label="two", after_s=300)),
)
TALK = Step(name="talk", markers=(StepMarker(label="warm", after_s=60),))
REST = Step(name="rest", seconds=30)
STEPS = (VIDEO, TALK, REST)
BEGAN = 50 * S


def labels(markers):
    return [((marker.t_ns - BEGAN) / S, marker.label) for marker in markers]


def test_before_the_first_tick_and_without_steps_no_step_runs():
    assert StepClock(STEPS, BEGAN).status(BEGAN - 1) is None
    assert StepClock(STEPS, BEGAN).markers(0, BEGAN - 1) == ()
    assert StepClock((), BEGAN).status(BEGAN) is None
    assert StepClock((), BEGAN).markers(0, 99 * S) == ()
    assert not StepClock((), BEGAN).ended(99 * S)


def test_a_step_with_seconds_ends_by_itself_and_the_next_begins_at_that_moment():
    clock = StepClock(STEPS, BEGAN)
    assert clock.status(BEGAN + 600 * S - 1) == StepStatus(0, 3, "video", "watch", 600 - 1e-9, 600)
    assert clock.status(BEGAN + 600 * S) == StepStatus(1, 3, "talk", "", 0.0, None)


def test_a_step_without_seconds_lasts_until_the_operator_asks_for_the_next():
    clock = StepClock(STEPS, BEGAN)
    late = BEGAN + 86_400 * S
    assert clock.status(late) == StepStatus(1, 3, "talk", "", 86_400 - 600, None)
    asked = clock.asked(BEGAN + 700 * S)
    assert asked.status(BEGAN + 700 * S) == StepStatus(2, 3, "rest", "", 0.0, 30)
    assert asked.ended(BEGAN + 730 * S)
    assert asked.status(BEGAN + 730 * S) is None


def test_a_request_cuts_a_step_short_and_its_later_markers_are_not_set():
    clock = StepClock(STEPS, BEGAN).asked(BEGAN + 100 * S).asked(BEGAN + 130 * S)
    assert labels(clock.markers(0, BEGAN + 400 * S)) == [
        (0, "step: video begins"),
        (0, "one"),
        (100, "step: talk begins"),
        (130, "step: rest begins"),
        (160, "step: rest ends"),
    ]


def test_markers_of_a_whole_protocol_come_in_order_of_time():
    clock = StepClock(STEPS, BEGAN).asked(BEGAN + 700 * S)
    assert labels(clock.markers(0, BEGAN + 1000 * S)) == [
        (0, "step: video begins"),
        (0, "one"),
        (300, "two"),
        (600, "step: talk begins"),
        (660, "warm"),
        (700, "step: rest begins"),
        (730, "step: rest ends"),
    ]
    assert {marker.source for marker in clock.markers(0, BEGAN + 1000 * S)} == {"protocol"}


moments = st.integers(0, 2000).map(lambda tenths: BEGAN + tenths * S)
steps = st.lists(
    st.builds(
        Step,
        name=st.sampled_from(["a", "b"]),
        seconds=st.none() | st.integers(1, 300).map(float),
        markers=st.lists(st.builds(StepMarker, label=st.just("m"), after_s=st.just(0.5)), max_size=1).map(
            tuple
        ),
    ),
    max_size=5,
)


@given(steps=steps, asked=st.lists(moments, max_size=6), looks=st.lists(moments, max_size=20))
def test_however_often_one_looks_each_marker_is_seen_once_and_in_order(steps, asked, looks):
    # a master goes on in order of time, and at each moment hears the requests before it looks
    clock, seen, last = StepClock(steps, BEGAN), [], 0
    for t_ns in sorted({*asked, *looks}):
        if t_ns in asked:
            clock = clock.asked(t_ns)
        seen += clock.markers(last, t_ns)
        last = t_ns
    assert tuple(seen) == clock.markers(0, last)
    begun = clock.bounds_ns(last)
    assert begun == sorted(begun)
    if last >= BEGAN and steps:
        assert clock.ended(last) == (clock.status(last) is None)


@given(steps=steps, asked=st.lists(moments, max_size=6, unique=True), now=moments)
def test_a_new_master_that_reads_the_recorded_markers_stands_where_the_old_one_stood(steps, asked, now):
    steps = [step.model_copy(update={"name": f"{step.name}{i}"}) for i, step in enumerate(steps)]
    old = StepClock(steps, BEGAN, tuple(t for t in asked if t <= now))
    new = StepClock(steps, BEGAN, step_requests(steps, old.markers(0, now)))
    assert new.ended(now) == old.ended(now)
    assert new.status(now) == old.status(now)
    assert new.markers(0, now) == old.markers(0, now)


def test_only_the_protocols_own_step_markers_count_as_requests():
    found = [
        Marker(1, "step: video begins", "protocol"),
        Marker(2, "step: video begins", "operator"),
        Marker(3, "step: other begins", "protocol"),
        Marker(4, "one", "protocol"),
    ]
    assert step_requests(STEPS, found) == (1,)
