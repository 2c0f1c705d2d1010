"""One step of the checklist: what is asked and expected, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...errors import MavferError

if TYPE_CHECKING:
    from .bench import Bench

Verdict = Literal["ok", "doubtful", "failed", "not done"]
VERDICTS: tuple[Verdict, ...] = ("failed", "doubtful", "not done", "ok")
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step found.

    Attributes
    ----------
    verdict : "ok" as expected; "doubtful" somebody should look; "failed" recording would suffer; "not done"
    found : one line
    measured : numbers with their units in the names
    """

    verdict: Verdict
    found: str
    measured: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the checklist.

    Attributes
    ----------
    key : in report.json
    title : what is looked at, a few words
    expects : what a good camera shows
    source : where that comes from
    look : does it; may raise MavferError, which is a failure
    applies : whether the step means anything for this camera
    asks : what a person has to do; "" for nobody
    """

    key: str
    title: str
    expects: str
    source: str
    look: Callable[[Bench], Outcome]
    applies: Callable[[Bench], bool] = lambda _: True
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A step and what became of it, as report.json has it."""

    key: str
    title: str
    asks: str
    expects: str
    source: str
    verdict: Verdict
    found: str
    measured: dict[str, Value]


def finding(step: Step, outcome: Outcome) -> Finding:
    """Return a step with its outcome."""
    return Finding(
        step.key,
        step.title,
        step.asks,
        step.expects,
        step.source,
        outcome.verdict,
        outcome.found,
        dict(outcome.measured),
    )


def look(step: Step, bench: Bench) -> Finding:
    """Do a step; whatever a driver does in it becomes its verdict, and the steps after it still run."""
    try:
        outcome = step.look(bench)
    except MavferError as error:
        outcome = Outcome("failed", str(error))
    except Exception as error:  # a driver's surprise is what this checklist is there to find
        outcome = Outcome("failed", f"not handled by the camera's module: {type(error).__name__}: {error}")
    return finding(step, outcome)


def percent(share: float, digits: int = 0) -> str:
    """Return a share of one as "12 %"."""
    return f"{100 * share:.{digits}f} %"


def signed(value: float) -> str:
    """Return a number as "+6.4"; one that rounds to nothing is "+0.0"."""
    return f"{round(value, 1) + 0.0:+.1f}"


NOT_ASKED = Outcome("not done", "nobody was asked")
SKIPPED = Outcome("not done", "skipped")
NOTHING = Outcome("failed", "no frame came")
INTERRUPTED = Outcome("not done", "interrupted before")
