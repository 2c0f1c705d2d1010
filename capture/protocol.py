"""What a take is for: the protocol's steps, the consent it stands on, and who runs it. Never a real name.

These are the records that a session keeps; protocol_file.py reads what a lab says once for a study.
"""

import itertools
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from ..config import StrictModel

Words = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Label = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^\P{Cc}+$"),
    Field(examples=["video 3 starts"]),
]
"""What a marker says: one line of 1 to 200 characters."""
ConsentScope = Literal["analysis", "archive", "share", "publish_pictures"]
"""What a subject may agree to: analysis in the lab, keeping after the study, giving to other labs, pictures
in publications."""


class Consent(StrictModel):
    """Where the signed form lies, and what it allows."""

    reference: Words
    scope: tuple[ConsentScope, ...] = ()


class StepMarker(StrictModel):
    """A marker that a step sets by itself, `after_s` seconds after it begins."""

    label: Label
    after_s: float = Field(default=0.0, ge=0, le=86_400)


class Step(StrictModel):
    """One thing that the subject does; without `seconds` it ends when the operator says so."""

    name: Words
    seconds: float | None = Field(default=None, gt=0, le=86_400)
    text: str = Field(default="", max_length=2000)
    markers: tuple[StepMarker, ...] = ()

    @model_validator(mode="after")
    def _markers_lie_within(self) -> "Step":
        for marker in self.markers:
            if self.seconds is not None and marker.after_s >= self.seconds:
                raise ValueError(
                    f"marker {marker.label!r} wants after_s below the step's {self.seconds:g} seconds, "
                    f"found {marker.after_s:g}"
                )
        return self


class Protocol(StrictModel):
    """The steps of a take, in order."""

    name: Words
    steps: tuple[Step, ...] = ()

    @property
    def seconds(self) -> float | None:
        """Length of a take that ends with the last step; None where a step ends only when it is told to."""
        planned = [step.seconds for step in self.steps if step.seconds is not None]
        return sum(planned) if planned and len(planned) == len(self.steps) else None

    def unreached(self, seconds: float) -> str:
        """Return in one line that a take of so many seconds is over before its last step; "" if it is not."""
        ends = list(itertools.accumulate(step.seconds or 0.0 for step in self.steps))
        if not ends or ends[-1] <= seconds:
            return ""
        number = next(number for number, end in enumerate(ends) if end > seconds)
        at_least = "" if self.seconds is not None else "at least "
        return (
            f"the protocol's steps take {at_least}{ends[-1]:g} s, the take ends after {seconds:g} s, in step "
            f"{number + 1} of {len(self.steps)}: {self.steps[number].name!r}"
        )
