"""How far everyone is, from rows of the store."""

from mavfer.annotate.store.records import Assignment, Rater, Video
from mavfer.annotate.study.progress import DAY_MS, progress

NOW = 1_000 * DAY_MS
VIDEOS = [Video(f"v{k}", f"take{k}", k == 0, 120.0, "") for k in range(5)]


def rater(name: str, **values) -> Rater:
    """Return a rater who was entered ten days ago."""
    return Rater(name, name, 1, values.pop("active", True), NOW - 10 * DAY_MS, **values)


def passes(name: str, states: list[str], finished_ms: int | None = None) -> list[Assignment]:
    """Return a pass of each video in the states given."""
    return [
        Assignment(
            f"{name}{k}", name, f"v{k}", "both", k, state, None, finished_ms if state == "complete" else None
        )
        for k, state in enumerate(states)
    ]


def test_counts_add_up_without_practice():
    rows = [*passes("a", ["complete", "complete", "open", "waiting"]), *passes("b", ["complete"] * 4)]
    found = progress([rater("a"), rater("b")], VIDEOS, rows, NOW)
    assert (found.n_total, found.n_done) == (6, 4)
    rated = [one for one in found.videos if not one.video.practice]
    assert found.n_done == sum(one.n_done for one in found.raters) == sum(one.n_done for one in rated)
    first, second = found.raters
    assert (first.n_done, first.n_open, first.n_videos_left, first.minutes_left) == (1, 1, 2, 4.0)
    assert (second.n_total, second.minutes_done) == (3, 6.0)
    assert second.complete
    assert not first.complete
    assert [one.n_open for one in found.videos] == [0, 0, 1, 0, 0]


def test_practice_alone_is_nothing_to_do_but_shows_that_a_rater_has_begun():
    alone = progress([rater("a")], VIDEOS, passes("a", ["waiting"]), NOW)
    assert (alone.n_total, alone.raters[0].minutes_left, alone.reminders) == (0, 0.0, ())
    assert alone.raters[0].complete
    begun = progress([rater("a")], VIDEOS, passes("a", ["complete", "waiting"], NOW - 3 * DAY_MS), NOW)
    assert begun.reminders == ("a has 1 video, about 2 min, left; last seen 3 days ago",)


def test_who_was_quiet_for_days_is_reminded_of_what_is_left():
    rows = passes("rater3", ["complete", "open", "waiting", "waiting", "waiting"], NOW - 3 * DAY_MS)
    found = progress([rater("rater3")], VIDEOS, rows, NOW)
    assert found.reminders == ("rater3 has 4 videos, about 8 min, left; last seen 3 days ago",)
    seen = progress([rater("rater3")], VIDEOS, rows, NOW, last_seen_ms={"rater3": NOW - 1000})
    assert seen.reminders == ()
    assert seen.raters[0].last_seen_ms == NOW - 1000


def test_who_has_not_begun_is_reminded_after_a_day():
    rows = passes("a", ["waiting", "waiting"])
    assert progress([rater("a")], VIDEOS, rows, NOW).reminders == (
        "a has 1 video, about 2 min, left; has not begun, entered 10 days ago",
    )
    seen = progress([rater("a")], VIDEOS, rows, NOW, last_seen_ms={"a": NOW - 2 * DAY_MS})
    assert seen.reminders == ("a has 1 video, about 2 min, left; has not begun, last seen 2 days ago",)
    assert progress([rater("a")], VIDEOS, rows, NOW - 10 * DAY_MS + 1000).reminders == ()


def test_nobody_who_is_done_or_has_left_is_reminded():
    done, left = rater("done"), rater("left", active=False)
    rows = [*passes("done", ["complete"] * 2, 0), *passes("left", ["waiting"] * 2)]
    assert progress([done, left], VIDEOS, rows, NOW).reminders == ()


def test_of_who_has_left_only_what_is_complete_counts_so_that_a_study_can_be_done():
    rows = [*passes("left", ["complete", "complete", "open", "waiting"]), *passes("heir", ["complete"] * 4)]
    found = progress([rater("left", active=False), rater("heir")], VIDEOS, rows, NOW)
    left = found.raters[0]
    assert (left.n_total, left.n_done, left.n_open, left.n_videos_left, left.minutes_left) == (1, 1, 0, 0, 0)
    assert (found.n_total, found.n_done) == (4, 4)
    assert [one.n_total for one in found.videos if not one.video.practice] == [2, 1, 1, 0]
    back = progress([rater("left"), rater("heir")], VIDEOS, rows, NOW)
    assert (back.n_total, back.n_done) == (6, 4)


def test_a_clock_is_wrong_from_a_minute_on_in_either_direction():
    raters = [rater(f"r{ahead}", clock_ahead_ms=ahead) for ahead in (0, 59_000, -61_000, 3_600_000)]
    found = progress(raters, VIDEOS, [], NOW)
    assert [one.clock_wrong for one in found.raters] == [False, False, True, True]


def test_a_study_of_nobody_is_done():
    found = progress([], [], [], NOW)
    assert (found.n_total, found.raters, found.videos) == (0, (), ())
