"""Who rates what, in which order: teams, raters of each session, passes. Pure, and seeded.

Every session goes to one team, and within it to the raters who have the least to rate. What is planned once
stays; later sessions, raters who came and raters who left only add. Equal names
and seed give equal plans.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import TypeVar
from zlib import crc32

import numpy as np

from ...errors import StudyError
from ..store.records import Assignment, Rated, Rater, Video
from .study import Mode, Order

Row = TypeVar("Row")
MAX_SETS = 3000
"""So many sets of raters are compared for a session; in a larger team its raters are chosen one by one."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A video to be rated by a rater: ids, what of it, and where in the rater's order."""

    rater: str
    video: str
    dimension: Rated
    position: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be added to a study.

    Attributes
    ----------
    passes : new ones, rater by rater in order
    short : session -> how many raters it has, where fewer than wanted could be found
    """

    passes: tuple[Pass, ...]
    short: dict[str, int] = field(default_factory=dict)


def plan(
    raters: Sequence[Rater],
    videos: Sequence[Video],
    assignments: Sequence[Assignment],
    *,
    dimensions: Sequence[Rated],
    order: Order,
    raters_per_session: int,
    seed: int,
) -> Plan:
    """Return what has to be added so that every session has its raters.

    Active raters who lack the practice film get it first. A pass of a rater who left counts where it is
    complete; else another rater of the team takes it over.

    Parameters
    ----------
    dimensions : what is rated of each video, one pass each: valence, arousal, or "both"
    order : all videos of one dimension before the next, or all passes of a video in a row
    """
    here = {one.id: one for one in raters}
    standing = [one for one in assignments if here[one.rater].active or one.state == "complete"]
    todo = _Todo(raters, videos, standing, dimensions=dimensions, seed=seed)
    short: dict[str, int] = {}
    sessions = [one for one in videos if not one.practice]
    shuffled = _shuffled(sorted(sessions, key=lambda one: one.session), seed, "sessions")
    for video in sorted(shuffled, key=lambda one: -one.duration_s):
        found = todo.fill(video, raters_per_session)
        if found < raters_per_session:
            short[video.session] = found
    passes: list[Pass] = []
    for team in todo.teams.values():
        for k, rater in enumerate(team):
            mine = [one for one in assignments if one.rater == rater.id]
            if rater.active:
                turned = _turned(dimensions, k % len(dimensions))
                passes += _in_order(rater, mine, todo.new[rater.id], videos, turned, order=order, seed=seed)
    return Plan(tuple(passes), short)


def require_enough(teams: Iterable[int], *, n_teams: int, raters_per_session: int) -> None:
    """Raise StudyError unless every team has as many raters as a session wants."""
    size = Counter(teams)
    for team in range(1, n_teams + 1):
        if size[team] < raters_per_session:
            wanted = n_teams * raters_per_session
            raise StudyError(
                f"wanted {raters_per_session} raters or more in each of {n_teams} teams, as one team rates a "
                f"session; found {size[team]} in team {team}; name {wanted} raters or more, or pass smaller "
                "--teams or --per-session"
            )


def passes_of(mode: Mode, dimensions: Sequence[Rated]) -> tuple[Rated, ...]:
    """Return the passes of each video: one for both dimensions, or one for each."""
    return ("both",) if mode == "together" and len(dimensions) == 2 else tuple(dimensions)


class _Todo:
    """Who has how much, while sessions are handed out."""

    def __init__(
        self,
        raters: Sequence[Rater],
        videos: Sequence[Video],
        standing: Sequence[Assignment],
        *,
        dimensions: Sequence[Rated],
        seed: int,
    ) -> None:
        self._dimensions, self._seed = dimensions, seed
        self.teams: dict[int, list[Rater]] = defaultdict(list)
        for rater in raters:
            self.teams[rater.team].append(rater)
        self._team_of = {one.id: one.team for one in raters}
        self._film = {one.id: one for one in videos if not one.practice}
        self._longest_s = max((one.duration_s for one in self._film.values()), default=0.0)
        self._load_s = dict.fromkeys(self._team_of, 0.0)
        self._raters_of: dict[str, set[str]] = defaultdict(set)
        self._has: set[tuple[str, str, str]] = set()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self.new: dict[str, dict[str, tuple[Rated, ...]]] = defaultdict(dict)
        for one in standing:
            if one.video in self._film:
                self._take(one.rater, one.video, one.dimension)
        for rated_by in self._raters_of.values():
            self._pairs.update(combinations(sorted(rated_by), 2))

    def fill(self, video: Video, n_wanted: int) -> int:
        """Give a video the raters that it lacks and return how many it has then, in every dimension."""
        lacking = {
            dimension: n_wanted - sum((r, video.id, dimension) in self._has for r in self._team_of)
            for dimension in self._dimensions
        }
        n_new = max(lacking.values())
        if n_new <= 0:
            return n_wanted
        there = self._raters_of[video.id]
        free = [one for one in self._team(video) if one.active and one.id not in there]
        chosen = self._choose(free, min(n_new, len(free)), video, there) if free else []
        for k, rater in enumerate(chosen):
            wanted: tuple[Rated, ...] = tuple(
                dimension for dimension in self._dimensions if k < lacking[dimension]
            )
            self._pairs.update((min(rater.id, other), max(rater.id, other)) for other in there)
            for dimension in wanted:
                self._take(rater.id, video.id, dimension)
            self.new[rater.id][video.id] = wanted
        return n_wanted - n_new + len(chosen)

    def _take(self, rater: str, video: str, dimension: Rated) -> None:
        self._has.add((rater, video, dimension))
        self._raters_of[video].add(rater)
        self._load_s[rater] += self._film[video].duration_s / len(self._dimensions)

    def _team(self, video: Video) -> list[Rater]:
        """Return the team that a video belongs to; a new one goes to the team with the least per rater."""
        if self._raters_of[video.id]:
            team = Counter(self._team_of[one] for one in sorted(self._raters_of[video.id])).most_common(1)[0][
                0
            ]
            return self.teams[team]
        active = {k: [one for one in team if one.active] for k, team in self.teams.items()}
        least = min(
            (k for k in sorted(active) if active[k]),
            key=lambda k: (sum(self._load_s[one.id] for one in active[k]) / len(active[k]), k),
            default=None,
        )
        return [] if least is None else self.teams[least]

    def _choose(self, free: list[Rater], n: int, video: Video, there: set[str]) -> list[Rater]:
        """Return the `n` raters who take a video.

        Loads stay within the longest video of each other where they are; among the sets of raters that keep
        that, the one whose pairs have met least, then the one that evens the loads out most.
        """
        free = _shuffled(sorted(free, key=lambda one: one.name), self._seed, video.session)
        team_loads = [self._load_s[one.id] for one in self._team(video) if one.active]
        if comb(len(free), n) > MAX_SETS:
            chosen: list[Rater] = []
            for _ in range(n):
                left = [one for one in free if one not in chosen]
                known = there | {one.id for one in chosen}
                chosen.append(min(left, key=lambda one: (self._load_s[one.id], self._met(one.id, known))))
            return chosen

        def cost(group: tuple[Rater, ...]) -> tuple[float, int, float]:
            loads = sorted(team_loads)
            for one in group:
                loads.remove(self._load_s[one.id])
            after = loads + [self._load_s[one.id] + video.duration_s for one in group]
            spread_s = max(after) - min(after)
            met = sum(self._met(one.id, there) for one in group)
            met += sum(self._pairs[min(a.id, b.id), max(a.id, b.id)] ** 2 for a, b in combinations(group, 2))
            return round(max(spread_s - self._longest_s, 0.0), 6), met, round(spread_s, 6)

        return list(min(combinations(free, n), key=cost))

    def _met(self, rater: str, others: Iterable[str]) -> int:
        return sum(self._pairs[min(rater, other), max(rater, other)] ** 2 for other in others)


def _in_order(
    rater: Rater,
    mine: Sequence[Assignment],
    new: dict[str, tuple[Rated, ...]],
    videos: Sequence[Video],
    dimensions: Sequence[Rated],
    *,
    order: Order,
    seed: int,
) -> list[Pass]:
    """Return a rater's new passes: practice where it lacks, then the videos in the rater's own order."""
    has = {(one.video, one.dimension) for one in mine}
    begun: list[Rated] = [one.dimension for one in sorted(mine, key=lambda one: one.position)]
    if begun and begun[0] in dimensions:  # whoever began with arousal goes on so
        dimensions = _turned(dimensions, list(dimensions).index(begun[0]))
    named = sorted((one for one in videos if one.id in new), key=lambda one: one.session)
    practice = [one.id for one in videos if one.practice]
    todo: list[tuple[str, Rated]] = []
    if order == "by-video":
        todo.extend((one, dimension) for dimension in dimensions for one in practice)
        for video in _shuffled(named, seed, rater.name, len(mine)):
            todo.extend((video.id, dimension) for dimension in dimensions if dimension in new[video.id])
    else:
        for dimension in dimensions:
            todo.extend((one, dimension) for one in practice)
            mixed = _shuffled(named, seed, rater.name, dimension, len(mine))
            todo.extend((video.id, dimension) for video in mixed if dimension in new[video.id])
    first = max((one.position for one in mine), default=-1) + 1
    todo = [one for one in todo if one not in has]
    return [Pass(rater.id, video, dimension, first + k) for k, (video, dimension) in enumerate(todo)]


def _turned(dimensions: Sequence[Rated], first: int) -> tuple[Rated, ...]:
    """Return the dimensions in their order, beginning with another one."""
    return tuple(dimensions[(first + k) % len(dimensions)] for k in range(len(dimensions)))


def _shuffled(rows: Sequence[Row], seed: int, *words: object) -> list[Row]:
    """Return the rows in an order that the seed and some words decide."""
    rng = np.random.default_rng([seed, *(crc32(str(word).encode()) for word in words)])
    return [rows[int(k)] for k in rng.permutation(len(rows))]
