"""A take played again: every frame has the value that stood when it was presented, whatever happened."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.study.films import Film
from mavfer.annotate.takes.curve import curve
from mavfer.annotate.takes.events import Commented, Event, FrameShown, Moved, Played
from mavfer.annotate.takes.replay import EDGE_FRAMES, MAX_SKIP_S, Replay, frames_at, replay

N = 50
PERIOD_S = 0.04


def film_of(n_frames: int = N, period_s: float = PERIOD_S) -> Film:
    media_s = np.arange(n_frames) * period_s
    return Film("s", "a film", "0" * 64, 1, 1, False, media_s, media_s + 3.5, n_frames * period_s)


def frame(t_ms: float, k: int, *, period_s: float = PERIOD_S) -> FrameShown:
    return FrameShown(kind="frame", t_ms=t_ms, media_s=round(k * period_s, 6), presented=k)


def moved(t_ms: float, valence: float, source: str = "mouse") -> Moved:
    return Moved(kind="value", t_ms=t_ms, source=source, valence=valence)  # type: ignore[arg-type]


def start(valence: float, t_ms: float = 0) -> Moved:
    return moved(t_ms, valence, "start")


def playback(t_ms: float, what: str, k: int = 0) -> Played:
    return Played(kind="playback", t_ms=t_ms, what=what, media_s=k * PERIOD_S)  # type: ignore[arg-type]


def play(frames: Sequence[int], *, from_ms: float = 100, period_ms: float = 40) -> list[Event]:
    """Return a play of these frames."""
    shown = [frame(from_ms + period_ms * i, k) for i, k in enumerate(frames)]
    return [playback(from_ms - 1, "play", frames[0]), *shown]


def of(*runs: list[Event], film: Film | None = None) -> Replay:
    return replay(runs, film or film_of(), ["valence"])


def test_every_frame_has_the_value_that_stood_when_it_was_presented() -> None:
    found = of([start(0), *play(range(N)), moved(500, 3), moved(501, 4), moved(540, 5)])
    assert found.complete
    np.testing.assert_array_equal(found.value["valence"][:14], [0] * 10 + [3, 5, 5, 5])


def test_a_value_at_the_time_of_a_frame_counts_for_it_and_of_two_at_once_the_later_told() -> None:
    found = of([start(0), *play([0, 1]), moved(140, 7), moved(140, 8)])
    np.testing.assert_array_equal(found.value["valence"][:2], [0, 8])


def test_a_value_that_is_told_late_counts_from_its_own_time() -> None:
    events = [start(0), *play(range(N))]
    late = [*events, moved(900, 6)]
    early = sorted(late, key=lambda event: event.t_ms)
    np.testing.assert_array_equal(of(late).value["valence"], of(early).value["valence"])
    assert of(late).value["valence"][20] == 6


def test_skipped_frames_have_the_value_that_stood_when_they_were_due_and_are_counted() -> None:
    shown = [k for k in range(N) if k not in (10, 11, 12)]
    events: list[Event] = [start(0), playback(99, "play"), *(frame(100 + 40 * k, k) for k in shown)]
    found = of([*events, moved(100 + 40 * 11 - 1, 9)])
    np.testing.assert_array_equal(found.value["valence"][9:14], [0, 0, 9, 9, 9])
    assert list(np.flatnonzero(found.skipped)) == [10, 11, 12]
    assert found.complete
    assert not np.any(found.shown & found.skipped)


def test_a_longer_stretch_that_was_not_presented_is_missing() -> None:
    long = round(MAX_SKIP_S / PERIOD_S) + 1
    found = of([start(0), *play([*range(10), *range(10 + long, N)])])
    assert not found.complete
    assert found.missing == ((pytest.approx(0.4), pytest.approx((10 + long) * PERIOD_S)),)


def test_after_a_rewind_the_last_presentation_counts() -> None:
    first, again = play(range(20)), play(range(10, N), from_ms=2000)
    found = of([start(1), *first, playback(1500, "rewind", 10), moved(1600, -2), *again])
    np.testing.assert_array_equal(found.value["valence"], [1] * 10 + [-2] * 40)
    assert found.n_rewinds == 1


def test_frames_between_are_not_filled_across_a_jump() -> None:
    found = of([start(1), *play(range(10)), playback(600, "seek", 15), *play(range(15, N), from_ms=700)])
    assert found.missing == ((pytest.approx(0.4), pytest.approx(0.6)),)


def test_what_is_looked_at_while_the_film_stands_is_not_rated() -> None:
    seen = [start(5), frame(10, 0), playback(20, "seek", 30), frame(30, 30), playback(40, "seek", 0)]
    found = of([*seen, frame(50, 0), *play(range(1, N))])
    assert found.complete
    before = of([*seen, frame(50, 0)], [start(5), playback(1, "hidden")])
    assert np.isnan(before.value["valence"]).all()


def test_the_frame_on_the_screen_counts_from_the_play_that_sets_it_in_motion() -> None:
    found = of([start(0), frame(10, 0), moved(500, 4), playback(1000, "play"), frame(1040, 1)])
    np.testing.assert_array_equal(found.value["valence"][:2], [4, 4])


def test_a_pause_changes_nothing_of_the_frames_beside_it() -> None:
    whole = of([start(2), *play(range(N))])
    events = [start(2), *play(range(20)), playback(2000, "pause", 19), *play(range(20, N), from_ms=9000)]
    np.testing.assert_array_equal(of(events).value["valence"], whole.value["valence"])
    rerated = of([*events, moved(5000, 8)])
    np.testing.assert_array_equal(rerated.value["valence"], [2] * 20 + [8] * 30)


def test_a_run_has_its_own_clock_and_its_own_start() -> None:
    first = [start(3), *play(range(20), from_ms=9_000_000)]
    second = [start(-1), playback(5, "seek", 20), frame(8, 20), *play(range(21, N), from_ms=50)]
    found = of(first, second)
    np.testing.assert_array_equal(found.value["valence"], [3] * 20 + [-1] * 30)


def test_the_start_of_a_run_stands_before_all_else_wherever_it_is_told() -> None:
    found = of([*play(range(N), from_ms=1), start(6, t_ms=300)])
    np.testing.assert_array_equal(found.value["valence"], [6] * N)


def test_before_the_first_value_of_a_run_nothing_is_rated() -> None:
    found = of([*play(range(N)), moved(100 + 40 * 10, 2)])
    assert found.missing == ((0, pytest.approx(0.4)),)
    silent = of([start(4), *play(range(N))], play(range(N)))
    np.testing.assert_array_equal(silent.value["valence"], [4] * N)


def test_of_two_windows_the_one_that_was_opened_later_counts() -> None:
    one, two = [start(1), *play(range(N))], [start(2), *play(range(10, 20))]
    found = of(one, two)
    np.testing.assert_array_equal(found.value["valence"], [1] * 10 + [2] * 10 + [1] * 30)


def test_a_clock_that_is_set_back_ends_no_rating() -> None:
    events = [start(1), *play(range(20), from_ms=60_000), moved(61_000, 3), *play(range(20, N), from_ms=10)]
    found = of([*events, moved(10 + 40 * 10, 7)])
    assert found.complete
    np.testing.assert_array_equal(found.value["valence"], [1] * 20 + [3] * 10 + [7] * 20)


def test_the_ends_of_a_film_may_lack_a_frame_or_two_and_no_more() -> None:
    inner = of([start(1), *play(range(EDGE_FRAMES, N - EDGE_FRAMES))])
    assert inner.complete
    assert inner.skipped.sum() == 2 * EDGE_FRAMES
    assert of([start(1), *play(range(EDGE_FRAMES + 1, N))]).missing == ((0, pytest.approx(0.12)),)
    late = of([start(1), *play(range(N - EDGE_FRAMES - 1))])
    assert late.missing == ((pytest.approx(1.88), pytest.approx(2.0)),)


def test_a_film_that_played_to_its_end_may_lack_its_last_frames_as_any_others() -> None:
    n_left = round(MAX_SKIP_S / PERIOD_S)
    end_ms = 100 + 40 * N
    played = [start(1), *play(range(N - n_left)), moved(end_ms - 40 * 3 - 1, 5), moved(end_ms, 9)]
    found = of([*played, playback(end_ms + 80, "ended", N - n_left)])
    np.testing.assert_array_equal(found.value["valence"], [1] * (N - 3) + [5] * 3)
    assert list(np.flatnonzero(found.skipped)) == list(range(N - n_left, N))
    whole = of(
        [
            start(1),
            *play(range(N - 1)),
            FrameShown(kind="frame", t_ms=end_ms, media_s=round((N - 1) * PERIOD_S - 1e-6, 6), presented=0),
            playback(end_ms, "ended", N - 1),
        ]
    )
    assert whole.shown.all(), "browsers round media times to microseconds"
    for before_it in (playback(end_ms, "pause", N - n_left), playback(end_ms, "seek", N - n_left)):
        assert not of([*played, before_it, playback(end_ms + 80, "ended", N - n_left)]).complete
    longer = [start(1), *play(range(N - n_left - 1)), playback(end_ms, "ended", N - n_left - 1)]
    assert of(longer).missing == ((pytest.approx((N - n_left - 1) * PERIOD_S), pytest.approx(2.0)),)


def test_the_last_frame_may_come_after_the_end_but_not_after_a_jump_from_it() -> None:
    ended = [start(1), *play(range(N - 20)), playback(5000, "ended", N)]
    assert of([*ended, *(frame(5001 + k, N - 20 + k) for k in range(20))]).complete
    jumped = [*ended, playback(5001, "rewind", N - 20), *(frame(5002, N - 1) for _ in range(3))]
    assert not of(jumped).complete


def test_both_dimensions_are_followed_each_by_its_own() -> None:
    both = Moved(kind="value", t_ms=0, source="start", valence=1, arousal=-1)
    one = Moved(kind="value", t_ms=500, source="pad", arousal=5)
    found = replay([[both, *play(range(N)), one]], film_of(), ["valence", "arousal"])
    np.testing.assert_array_equal(found.value["valence"], [1] * N)
    np.testing.assert_array_equal(found.value["arousal"], [-1] * 10 + [5] * 40)
    assert found.devices == {"start": 0, "pad": 1}


def test_the_rater_goes_on_where_the_last_was_seen_or_at_the_end_once_that_is_rated() -> None:
    assert of([start(1), *play(range(20))]).resume_s == pytest.approx(0.76)
    assert of([start(1), *play(range(20)), playback(5000, "rewind", 5)]).resume_s == pytest.approx(0.2)
    hole = [start(1), *play(range(5)), playback(900, "seek", 30), *play(range(30, 40), from_ms=1000)]
    assert of(hole).resume_s == pytest.approx(1.56)
    ended = of([*hole, *play(range(40, N), from_ms=5000), playback(9000, "seek", 3)])
    assert (ended.resume_s, len(ended.missing)) == (2.0, 1)
    silent = of([start(1), *play(range(20))], play(range(20, 40)))
    assert silent.resume_s == pytest.approx(0.8)
    opened = of([start(1), *play(range(20))], [start(1), frame(1, 0), playback(3, "hidden")])
    assert opened.resume_s == pytest.approx(0.76)


def test_comments_and_the_last_value_are_kept() -> None:
    said = Commented(kind="comment", t_ms=300, media_s=1.5, text="a door slams")
    found = of([start(1), *play(range(20)), said, moved(400, 4), moved(350, 9)], [start(2)])
    assert found.comments == ((1.5, "a door slams"),)
    assert found.last_value == {"valence": 2}
    assert of([start(1), moved(400, 4), moved(350, 9)]).last_value == {"valence": 4}


def test_a_take_without_any_event_covers_nothing() -> None:
    for runs in ([], [[]], [[start(0)]]):
        found = of(*runs)
        assert found.missing == ((0, 2.0),)
        assert found.resume_s == 0
        assert curve(found, film_of()) == {"valence": []}


@given(st.lists(st.floats(0, 3, allow_nan=False), max_size=30))
@settings(deadline=None)
def test_the_frame_of_a_time_is_the_film_s_own(media_s: list[float]) -> None:
    film = film_of()
    assert list(frames_at(film, np.array(media_s))) == [film.frame_at(one) for one in media_s]


@given(st.lists(st.integers(-10, 10), min_size=N, max_size=N), st.integers(2, 60))
@settings(deadline=None)
def test_the_curve_is_short_and_true(values: list[int], max_points: int) -> None:
    film = film_of()
    moves = [moved(99 + 40 * k, value) for k, value in enumerate(values)]
    found = of([start(0), *play(range(N)), *moves])
    points = curve(found, film, max_points=max_points)["valence"]
    assert len(points) <= max_points
    for media_s, value in points:
        assert found.value["valence"][film.frame_at(media_s)] == value
    if max_points >= N:
        at = np.searchsorted([media_s for media_s, _ in points], film.media_s + 1e-6, side="right") - 1
        np.testing.assert_array_equal(np.array([v for _, v in points])[at], found.value["valence"])


# -- a plain simulation, against which any take is checked ---------------------------------------------------

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("show"), st.integers(1, 6)),
        st.tuples(st.just("skip"), st.integers(1, 20)),
        st.tuples(st.just("rewind"), st.integers(1, 30)),
        st.tuples(st.just("pause"), st.integers(0, 2)),
        st.tuples(st.just("move"), st.integers(-10, 10)),
        st.tuples(st.just("late"), st.integers(-10, 10)),
        st.tuples(st.just("close"), st.integers(0, 5)),
    ),
    max_size=40,
)


def simulated(acts: list[tuple[str, int]]) -> tuple[list[list[Event]], list[float], list[str]]:
    """Return the runs of a page on which this happens, and each frame's value and fate, step by step."""
    truth, fate = [math.nan] * N, ["missing"] * N
    runs: list[list[Event]] = [[start(0), playback(0, "play")]]
    t_ms, shown_ms, k, value, previous = 0.0, 0.0, -1, 0.0, None
    history = [(-math.inf, 0.0)]

    def at(time_ms: float) -> float:
        return [v for when, v in sorted(history, key=lambda one: one[0]) if when <= time_ms][-1]

    pending: list[tuple[int, float, str]] = []

    def settle() -> None:
        for which, when, what in pending:
            truth[which], fate[which] = at(when), what
        pending.clear()

    for act, n in acts:
        if act == "show":
            for _ in range(n):
                if k + 1 >= N:
                    break
                k, before_ms = k + 1, shown_ms
                t_ms += 40
                if previous is not None and (k - previous) * PERIOD_S <= MAX_SKIP_S + 1e-9:
                    for j in range(previous + 1, k):
                        due_ms = t_ms - 1000 * ((k - j) * PERIOD_S)
                        pending.append((j, max(due_ms, before_ms), "skipped"))
                pending.append((k, t_ms, "shown"))
                runs[-1].append(frame(t_ms, k))
                previous, shown_ms = k, t_ms
        elif act == "skip":
            k = min(k + n, N - 1)
        elif act == "rewind":
            k = max(-1, k - n)
            t_ms += 25
            runs[-1].append(playback(t_ms, "rewind", max(0, k)))
            previous = None
        elif act == "pause":
            t_ms += 10
            runs[-1] += [playback(t_ms, "pause"), playback(t_ms + 1000 * n, "play")]
            t_ms += 1000 * n
        elif act in ("move", "late"):
            value = float(n)
            when = t_ms + 1 if act == "move" else max(0.5, t_ms - 55)
            history.append((when, value))
            runs[-1].append(moved(when, value))
        else:
            settle()
            k = max(-1, k - n)
            t_ms, previous, history = 0.0, None, [(-math.inf, value)]
            runs.append([start(value), playback(0, "play")])
    settle()
    rated = [j for j in range(N) if fate[j] != "missing"]
    if rated:
        for edge, beside in ((range(rated[0]), rated[0]), (range(rated[-1] + 1, N), rated[-1])):
            for j in edge if len(edge) <= EDGE_FRAMES else ():
                truth[j], fate[j] = truth[beside], "skipped"
    return runs, truth, fate


@given(ACTS)
@settings(max_examples=200, deadline=None)
def test_any_take_equals_its_plain_simulation(acts: list[tuple[str, int]]) -> None:
    runs, truth, fate = simulated(acts)
    found = of(*runs)
    np.testing.assert_array_equal(found.value["valence"], truth)
    assert list(np.flatnonzero(found.shown)) == [k for k in range(N) if fate[k] == "shown"]
    assert list(np.flatnonzero(found.skipped)) == [k for k in range(N) if fate[k] == "skipped"]
    assert found.complete == ("missing" not in fate)
    spans = [film_of().media_s.searchsorted([a, b - 1e-9], side="right") for a, b in found.missing]
    covered = {k for a, b in spans for k in range(a - 1, b)}
    assert covered == {k for k in range(N) if fate[k] == "missing"}


TIMES = st.floats(0, 1e10) | st.floats(0, 9000)
MEDIA = st.floats(0, 1e6) | st.floats(0, 2)
PLAYBACKS = st.sampled_from(["play", "pause", "wait", "hidden", "rewind", "seek", "rate", "ended"])
ANY_EVENT = st.one_of(
    st.builds(FrameShown, kind=st.just("frame"), t_ms=TIMES, media_s=MEDIA, presented=st.just(0)),
    st.builds(
        Moved,
        kind=st.just("value"),
        t_ms=TIMES,
        source=st.sampled_from(["start", "mouse", "pad"]),
        valence=st.none() | st.floats(-10, 10),
        arousal=st.none() | st.floats(-10, 10),
    ),
    st.builds(Played, kind=st.just("playback"), t_ms=TIMES, what=PLAYBACKS, media_s=MEDIA),
)


@given(st.lists(st.lists(ANY_EVENT, max_size=40), max_size=3))
@settings(max_examples=200, deadline=None)
def test_whatever_a_page_tells_a_frame_is_rated_only_if_it_was_covered(runs: list[list[Event]]) -> None:
    film = film_of()
    found = replay(runs, film, ["valence", "arousal"])
    rated = [~np.isnan(column) for column in found.value.values()]
    assert all(
        (np.abs(column[has]) <= 10).all() for column, has in zip(found.value.values(), rated, strict=True)
    )
    np.testing.assert_array_equal(rated[0] | rated[1], found.shown | found.skipped)
    assert not (found.shown & found.skipped).any()
    assert found.complete == (rated[0] & rated[1]).all()
    assert found.resume_s >= 0
