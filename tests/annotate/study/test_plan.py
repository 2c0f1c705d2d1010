"""Laws of who rates what, over studies that hypothesis makes up."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.store.records import Assignment, Rater, Video
from mavfer.annotate.study.plan import passes_of, plan, require_enough
from mavfer.errors import StudyError

DURATIONS = st.floats(5, 600).map(lambda s: round(s, 2))


def raters_of(n: int, teams: int) -> list[Rater]:
    """Return raters dealt to teams one by one."""
    return [Rater(f"{k:016x}", f"rater{k}", k % teams + 1, True, k) for k in range(n)]


def videos_of(durations_s: list[float], first: int = 0) -> list[Video]:
    """Return a practice film and a video of each duration."""
    films = [Video(f"{k + first:016x}", f"take{k + first}", False, s, "") for k, s in enumerate(durations_s)]
    return [Video("f" * 16, "practice", True, 20.0, ""), *films]


def planned(raters, videos, before=(), **options):
    """Return all assignments after a plan, and the plan."""
    options = {
        "dimensions": ("valence", "arousal"), "order": "by-dimension", "raters_per_session": 3, "seed": 1
    } | options  # fmt: skip
    found = plan(raters, videos, before, **options)
    new = [
        Assignment(f"{len(before) + k:016x}", one.rater, one.video, one.dimension, one.position)
        for k, one in enumerate(found.passes)
    ]
    return [*before, *new], found


def raters_by_video(assignments, videos):
    """Return (video, dimension) -> raters, in the videos that are not practice."""
    practice = {one.id for one in videos if one.practice}
    found = defaultdict(list)
    for one in assignments:
        if one.video not in practice:
            found[one.video, one.dimension].append(one.rater)
    return found


@st.composite
def studies(draw):
    """Draw raters, videos and options that fit together."""
    teams = draw(st.integers(1, 3))
    wanted = draw(st.integers(1, 4))
    raters = raters_of(teams * draw(st.integers(wanted, wanted + 3)), teams)
    mode = draw(st.sampled_from(["separate", "together"]))
    chosen = draw(st.sampled_from([("valence",), ("arousal",), ("valence", "arousal")]))
    options = {
        "dimensions": passes_of(mode, chosen),
        "order": draw(st.sampled_from(["by-dimension", "by-video"])),
        "raters_per_session": wanted,
        "seed": draw(st.integers(0, 5)),
    }
    return raters, videos_of(draw(st.lists(DURATIONS, max_size=12))), options


@settings(deadline=None, max_examples=80)
@given(studies())
def test_every_session_has_its_raters_and_they_are_of_one_team(study):
    raters, videos, options = study
    found, told = planned(raters, videos, **options)
    by_video = raters_by_video(found, videos)
    team = {one.id: one.team for one in raters}
    assert told.short == {}
    for video in videos[1:]:
        for dimension in options["dimensions"]:
            people = by_video[video.id, dimension]
            assert len(people) == len(set(people)) == options["raters_per_session"]
            assert len({team[one] for one in people}) == 1
    assert len({(one.rater, one.video, one.dimension) for one in found}) == len(found)


@settings(deadline=None, max_examples=80)
@given(studies())
def test_loads_of_a_team_are_within_one_video(study):
    raters, videos, options = study
    found, _ = planned(raters, videos, **options)
    film = {one.id: one for one in videos}
    load_s = Counter({one.id: 0.0 for one in raters})
    for one in found:
        if not film[one.video].practice:
            load_s[one.rater] += film[one.video].duration_s / len(options["dimensions"])
    longest_s = max((one.duration_s for one in videos[1:]), default=0)
    for team in {one.team for one in raters}:
        loads = [load_s[one.id] for one in raters if one.team == team]
        assert max(loads) - min(loads) <= longest_s + 1e-6


@settings(deadline=None, max_examples=50)
@given(studies())
def test_practice_comes_before_the_first_pass_of_each_dimension_and_positions_count_from_0(study):
    raters, videos, options = study
    found, _ = planned(raters, videos, **options)
    for rater in raters:
        mine = sorted((one for one in found if one.rater == rater.id), key=lambda one: one.position)
        assert [one.position for one in mine] == list(range(len(mine)))
        for dimension in options["dimensions"]:
            assert next(one for one in mine if one.dimension == dimension).video == videos[0].id


@settings(deadline=None, max_examples=50)
@given(studies(), st.randoms())
def test_a_plan_is_the_same_again_whatever_order_films_are_named_in(study, random):
    raters, videos, options = study
    shuffled = videos[1:]
    random.shuffle(shuffled)
    assert planned(raters, [videos[0], *shuffled], **options)[1] == planned(raters, videos, **options)[1]


@settings(deadline=None, max_examples=50)
@given(studies(), st.lists(DURATIONS, max_size=5))
def test_sessions_added_later_only_add(study, more_s):
    raters, videos, options = study
    before, _ = planned(raters, videos, **options)
    assert planned(raters, videos, before, **options)[1].passes == ()
    more = [*videos, *videos_of(more_s, first=len(videos))[1:]]
    after, told = planned(raters, more, before, **options)
    assert after[: len(before)] == before
    assert told.short == {}
    places = [(one.rater, one.position) for one in after]
    assert len(set(places)) == len(places)
    for people in raters_by_video(after, more).values():
        assert len(people) == len(set(people)) == options["raters_per_session"]


@settings(deadline=None, max_examples=50)
@given(studies(), st.integers(0, 10), st.sampled_from(["waiting", "open", "complete"]))
def test_who_leaves_hands_over_what_is_not_complete(study, number, state):
    raters, videos, options = study
    found, _ = planned(raters, videos, **options)
    left = raters[number % len(raters)]
    rows = [replace(one, state=state) if one.rater == left.id else one for one in found]
    rows = [one for one in rows if one.rater != left.id or one.state != "waiting"]
    people = [replace(one, active=one.id != left.id) for one in raters]
    after, told = planned(people, videos, rows, **options)
    n_team = sum(one.team == left.team and one.active for one in people)
    if state == "complete":
        assert told.passes == ()
        return
    wanted = min(options["raters_per_session"], n_team)
    counted = [one for one in after if one.rater != left.id]
    by_video = raters_by_video(counted, videos)
    film = {one.id: one for one in videos}
    for video, dimension in raters_by_video(found, videos):
        assert len(set(by_video[video, dimension])) >= wanted
        assert (film[video].session in told.short) == (
            len(by_video[video, dimension]) < options["raters_per_session"]
        )
    assert not any(one.rater == left.id for one in told.passes)


def test_a_team_that_everyone_has_left_lacks_raters_and_hands_out_nothing():
    raters, videos = raters_of(1, 1), videos_of([60.0, 60.0])
    rows, _ = planned(raters, videos, raters_per_session=2)
    rated = [replace(one, state="complete") for one in rows]
    people = [replace(one, active=False) for one in raters]
    _, told = planned(people, videos, rated, raters_per_session=2)
    assert (told.passes, told.short) == ((), {"take0": 1, "take1": 1})


def test_the_paper_has_six_raters_in_two_teams_and_three_for_each_session():
    raters, videos = raters_of(6, 2), videos_of([60.0] * 20)
    found, _ = planned(raters, videos)
    teams = {one.id: one.team for one in raters}
    rated = Counter(teams[people[0]] for people in raters_by_video(found, videos).values())
    assert rated == {1: 20, 2: 20}  # 10 sessions of two dimensions


def test_pairs_of_raters_meet_about_equally_often():
    raters, videos = raters_of(6, 1), videos_of([60.0] * 20)
    found, _ = planned(raters, videos, dimensions=("both",))
    pairs = Counter()
    for people in raters_by_video(found, videos).values():
        pairs.update(combinations(sorted(people), 2))
    assert len(pairs) == 15
    assert max(pairs.values()) - min(pairs.values()) <= 1


def test_half_of_a_team_begins_with_each_dimension():
    raters = raters_of(8, 2)
    found, _ = planned(raters, videos_of([60.0] * 6))
    first = {one.rater: one.dimension for one in found if one.position == 0}
    for team in (1, 2):
        assert Counter(first[one.id] for one in raters if one.team == team) == {"valence": 2, "arousal": 2}


def test_orders_differ_between_raters_and_between_seeds():
    raters, videos = raters_of(3, 1), videos_of([60.0] * 8)

    def orders(seed: int) -> set[tuple[str, ...]]:
        found, _ = planned(raters, videos, dimensions=("valence",), seed=seed)
        return {tuple(one.video for one in found if one.rater == rater.id) for rater in raters}

    assert len(orders(1)) == 3
    assert orders(1) != orders(2)


def test_too_few_raters_in_a_team_are_told_in_one_line():
    with pytest.raises(StudyError, match="found 2 in team 2; name 6 raters or more"):
        require_enough([1, 2, 1, 2, 1], n_teams=2, raters_per_session=3)
    assert planned(raters_of(2, 1), videos_of([9.0]))[1].short == {"take0": 2}


def test_large_teams_are_handed_out_at_once():
    raters, videos = raters_of(40, 1), videos_of([60.0] * 10)
    found, told = planned(raters, videos, raters_per_session=20, dimensions=("both",))
    assert told.short == {}
    assert set(Counter(one.rater for one in found if one.video != videos[0].id).values()) == {5}
