"""How far everyone is: what is done, what is left, who has not been seen for long, whose clock is wrong.

Pure: rows of the store in, counts and lines for people out. Used by `mavfer study status` and the study page.
Practice counts among nothing that is done or left; it shows only that a rater has begun, and when the
rater was seen. Of who has left, what is complete counts; the rest is with others, as `plan` hands it out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..store.records import Assignment, Rater, Video

DAY_MS = 24 * 3600 * 1000
QUIET_DAYS = 2
"""Who has begun and not been seen for this many days is reminded."""
WAIT_DAYS = 1
"""Who has not begun so many days after being entered is reminded."""
CLOCK_LIMIT_MS = 60_000
"""Ratings hold whatever the rater's clock says; from here on it is said that it is wrong."""


@dataclass(frozen=True, slots=True)
class RaterProgress:
    """How far one rater is.

    Attributes
    ----------
    n_total, n_done, n_open : passes (one film in one dimension, or in both at once), without practice
    n_videos_left : films with a pass that is left, without practice
    minutes_left, minutes_done : of film, for the passes that are left and that are complete
    last_seen_ms : milliseconds since 1970 of the last thing known of the rater; None for a rater never seen
    clock_ahead_ms : the rater's clock less the server's; None while unknown
    reminder : one line for the lab, such as "rater3 has 4 videos, about 22 min, left; last seen 3 days ago";
        "" where nothing is to be said
    """

    rater: Rater
    n_total: int
    n_done: int
    n_open: int
    n_videos_left: int
    minutes_left: float
    minutes_done: float
    last_seen_ms: int | None
    clock_ahead_ms: int | None
    reminder: str

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return self.n_done == self.n_total

    @property
    def clock_wrong(self) -> bool:
        """Whether the rater's clock is off by more than a minute."""
        return abs(self.clock_ahead_ms or 0) > CLOCK_LIMIT_MS


@dataclass(frozen=True, slots=True)
class VideoProgress:
    """How far one film is: passes planned, begun and complete."""

    video: Video
    n_total: int
    n_done: int
    n_open: int


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """How far a study is.

    Attributes
    ----------
    raters, videos : in the order in which they were given
    n_total, n_done : passes of all raters, without practice
    reminders : one line each, for whom something is to be said
    """

    raters: tuple[RaterProgress, ...]
    videos: tuple[VideoProgress, ...]
    n_total: int
    n_done: int
    reminders: tuple[str, ...]


def progress(
    raters: Sequence[Rater],
    videos: Sequence[Video],
    assignments: Sequence[Assignment],
    now_ms: int,
    *,
    last_seen_ms: Mapping[str, int] | None = None,
) -> StudyProgress:
    """Return how far everyone is at `now_ms`.

    Parameters
    ----------
    last_seen_ms : rater id -> milliseconds since 1970, where more is known than the assignments say
    """
    film = {one.id: one for one in videos}
    of_rater: dict[str, list[Assignment]] = defaultdict(list)
    of_video: dict[str, list[Assignment]] = defaultdict(list)
    gone = {one.id for one in raters if not one.active}
    for one in assignments:
        if one.state == "complete" or one.rater not in gone:
            of_rater[one.rater].append(one)
            of_video[one.video].append(one)
    seen = last_seen_ms or {}
    people = tuple(_of_rater(one, of_rater[one.id], film, now_ms, seen.get(one.id)) for one in raters)
    films = tuple(
        VideoProgress(one, len(of_video[one.id]), *_done_and_open(of_video[one.id])) for one in videos
    )
    n_total, n_done = sum(one.n_total for one in people), sum(one.n_done for one in people)
    reminders = tuple(one.reminder for one in people if one.reminder)
    return StudyProgress(people, films, n_total, n_done, reminders)


def _of_rater(
    rater: Rater,
    assignments: Sequence[Assignment],
    film: Mapping[str, Video],
    now_ms: int,
    last_seen_ms: int | None,
) -> RaterProgress:
    """Return how far one rater is."""
    counted = [one for one in assignments if one.video in film and not film[one.video].practice]
    n_done, n_open = _done_and_open(counted)
    left = [one for one in counted if one.state != "complete"]
    n_videos_left = len({one.video for one in left})
    minutes_left = _minutes(left, film)
    known = [last_seen_ms, rater.read_ms, *(one.finished_ms for one in assignments)]
    seen_ms = max((one for one in known if one is not None), default=None)
    reminder = ""
    if left and rater.active:
        todo = f"{rater.name} has {_counted(n_videos_left, 'video')}, about {minutes_left:.0f} min, left"
        days = (now_ms - (seen_ms if seen_ms is not None else rater.created_ms)) / DAY_MS
        begun = any(one.state != "waiting" for one in assignments)
        if days >= (QUIET_DAYS if begun else WAIT_DAYS):
            when = f"{'entered' if seen_ms is None else 'last seen'} {_ago(days)}"
            reminder = f"{todo}; {when}" if begun else f"{todo}; has not begun, {when}"
    return RaterProgress(
        rater,
        len(counted),
        n_done,
        n_open,
        n_videos_left,
        minutes_left,
        _minutes([one for one in counted if one.state == "complete"], film),
        seen_ms,
        rater.clock_ahead_ms,
        reminder,
    )


def _done_and_open(assignments: Sequence[Assignment]) -> tuple[int, int]:
    return (
        sum(one.state == "complete" for one in assignments),
        sum(one.state == "open" for one in assignments),
    )


def _minutes(assignments: Iterable[Assignment], film: Mapping[str, Video]) -> float:
    return sum(film[one.video].duration_s for one in assignments) / 60


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _ago(days: float) -> str:
    """Return how long ago something was, in words."""
    return "today" if days < 1 else f"{_counted(int(days), 'day')} ago"
