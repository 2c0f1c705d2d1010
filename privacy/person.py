"""Who is meant: a subject under every name that the records have for them, and their sessions.

A name is compared whole and whatever its letters' case, as splits do: S1 is not S10, and s1 is S1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from .found import Found
from .plan import ForgetError

MASK = "forgotten"
TOKEN = r"[A-Za-z0-9_.-]"
LONG_WORD = 12
"""Letters from which on an id without a digit, like a word, is looked for in texts."""


@dataclass(frozen=True, slots=True)
class Person:
    """A subject.

    Attributes
    ----------
    asked : the name that was given
    names : of theirs, case folded: datasets that were merged under a prefix have others
    sessions : ids of their sessions
    shared : of these, ids that a session of somebody else has too: alone they do not tell whose a thing is
    strangers : names and session ids of all others, case folded
    begun : whether an earlier call was interrupted
    """

    asked: str
    names: frozenset[str]
    sessions: frozenset[str]
    shared: frozenset[str]
    strangers: frozenset[str]
    begun: bool

    def is_named(self, subject: object) -> bool:
        """Whether a subject's name is theirs."""
        return isinstance(subject, str) and subject.casefold() in self.names

    def is_filmed_in(self, session: object) -> bool:
        """Whether a session's id alone says that it is theirs."""
        return session in self.sessions and session not in self.shared

    def is_seen(self, subject: object, session: object) -> bool:
        """Whether a record of both is about them: the name decides, where there is one."""
        return self.is_named(subject) if isinstance(subject, str) and subject else self.is_filmed_in(session)

    @property
    def words(self) -> frozenset[str]:
        """Names and ids that are worth looking for in texts: not a bare number, nor a short plain word."""
        names = {name for name in self.names if len(name) > 1 and re.search("[a-z]", name)}
        ids = {
            one.casefold()
            for one in self.sessions - self.shared
            if len(one) > 1
            and re.search("[A-Za-z]", one)
            and (re.search("[0-9]", one) or len(one) >= LONG_WORD)
        }
        return frozenset(names | ids)

    def mentioned(self, text: bytes, *, words: Collection[str] | None = None) -> str | None:
        """Return the first name or id of theirs that stands in a text as a word, or None.

        "S01" stands in "attention-S01.mp4" and not in "S010"; nor in "S01-b", if that is another's name.
        """
        looked_for = self.words if words is None else words
        if not looked_for:
            return None
        either = b"|".join(re.escape(one).encode() for one in sorted(looked_for, key=len, reverse=True))
        for hit in re.finditer(rb"(?<![A-Za-z0-9])(?:" + either + rb")(?![A-Za-z0-9])", text, re.IGNORECASE):
            if self._whole(text, hit).casefold() not in self.strangers:
                return hit[0].decode()
        return None

    @staticmethod
    def _whole(text: bytes, hit: re.Match[bytes]) -> str:
        """Return the longest name around a hit, without the dots and dashes of the sentence at its end."""
        before = re.search(rf"{TOKEN}*\Z".encode(), text[max(0, hit.start() - 64) : hit.start()])
        after = re.match(f"{TOKEN}*".encode(), text[hit.end() : hit.end() + 64])
        whole = (before[0] if before else b"") + hit[0] + (after[0] if after else b"")
        return whole.decode().strip(".-_")

    def masked(self, text: str) -> str:
        """Return a text with `MASK` in the place of every name and id of theirs."""
        for name in sorted(self.names | {one.casefold() for one in self.sessions}, key=len, reverse=True):
            text = re.sub(rf"(?<!{TOKEN}){re.escape(name)}(?![A-Za-z0-9_-])", MASK, text, flags=re.IGNORECASE)
        return text


def person_of(
    found: Found,
    subject: str,
    *,
    sessions: Sequence[str] = (),
    names: Iterable[str] = (),
    known_sessions: Iterable[str] = (),
    tables: Iterable[str] = (),
    begun: bool = False,
) -> Person:
    """Return who is meant by `subject`.

    Parameters
    ----------
    sessions : ids that the caller says are theirs
    names, known_sessions : what an interrupted call has found
    tables : names in tables of subjects
    begun : whether there was such a call

    Raises
    ------
    ForgetError
        Nobody of that name is known here.
    """
    sightings = list(found.sightings())
    theirs = {subject.casefold(), *(one.casefold() for one in names)}
    hashes: set[str] = set()
    while True:
        now = {one for seen in sightings if seen.subject.casefold() in theirs for one in seen.hashes}
        more = {seen.subject.casefold() for seen in sightings if seen.hashes & now} - theirs
        if not more and now == hashes:
            break
        theirs, hashes = theirs | more, now
    everybody = [*found.names(), *tables]
    ids = {seen.session for seen in sightings if seen.subject.casefold() in theirs}
    others = {seen.session for seen in sightings if seen.subject.casefold() not in theirs}
    if not begun and not sessions and not any(one.casefold() in theirs for one in everybody):
        _refuse(subject, everybody, found)
    told = {*sessions, *known_sessions}
    strangers = {one.casefold() for one in everybody} - theirs
    return Person(
        asked=subject,
        names=frozenset(theirs),
        sessions=frozenset(one for one in ids | told if one),
        shared=frozenset((ids & others) - set(sessions)),
        strangers=frozenset(strangers | {one.casefold() for one in others - ids - told}),
        begun=begun,
    )


def _refuse(subject: str, everybody: Sequence[str], found: Found) -> None:
    where = ", ".join(str(root) for root in found.places.roots)
    asked = f"{subject!r}"
    for seen in found.sightings():
        if seen.session == subject:
            raise ForgetError(
                f"wanted a subject, found the session {asked} of subject {seen.subject!r}; name that: {where}"
            )
    spelled = {one.casefold(): one for one in everybody}
    near = get_close_matches(subject.casefold(), spelled, n=3)
    hint = (
        f"is {' or '.join(repr(spelled[one]) for one in near)} meant?"
        if near
        else (f"{len(spelled)} others are named there" if spelled else "nobody is named there")
    )
    raise ForgetError(
        f"wanted a subject that is known there, found nothing of {asked}; {hint}; where only ratings or "
        f"films of a session are left, name it with --session: {where}"
    )
