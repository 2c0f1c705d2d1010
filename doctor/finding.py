"""What a check says: one line of the doctor's answer, and what mends it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail", "not needed", "unknown"]
Use = Literal["record", "rate", "build", "train", "all"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's answer.

    Attributes
    ----------
    name : what was looked at, a few words, the same on every machine
    state : "warn" works, worse or not always; "fail" does not work; "unknown" could not be told
    found : one line
    wanted : what would have been "ok", where it was not found
    mend : commands that mend it, one a line, ready to be copied; "" where no command does
    advice : what a hand, or a choice, mends
    """

    name: str
    state: State
    found: str
    wanted: str = ""
    mend: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes
    ----------
    name : of its finding, should it come to none
    look : reads facts and judges them; what it raises becomes a finding
    """

    name: str
    look: Callable[[], Finding | Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Section:
    """The findings about one thing, in the order in which they are shown."""

    title: str
    findings: tuple[Finding, ...]


def untold(name: str, why: object) -> Finding:
    """Return that something could not be told, and why, on one line."""
    words = " ".join(str(why).split()) or type(why).__name__
    return Finding(name, "unknown", f"could not be told: {words}")


def count(sections: Iterable[Section], state: State) -> int:
    """Return how many findings of all sections are in a state."""
    return sum(finding.state == state for section in sections for finding in section.findings)
