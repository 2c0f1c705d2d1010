"""The protocol's clock: which step runs at a moment, and which markers the steps have set until then.

Times are numbers on the master's monotonic clock; nothing here reads a clock.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .protocol import Step
from .status import Marker, StepStatus

SOURCE = "protocol"


@dataclass(frozen=True, slots=True)
class StepClock:
    """The steps of a take that began at a moment, and the operator's requests for the next one.

    A step ends after its seconds or at the first request after its begin, whichever is earlier; the next
    begins at that very moment. A take that is taken over by another master goes on with the times of the
    step markers that stand recorded as `next_ns`.

    Attributes
    ----------
    steps : in order
    started_ns : when the first step begins
    next_ns : when the next step was asked for, in any order
    """

    steps: Sequence[Step]
    started_ns: int
    next_ns: tuple[int, ...] = ()

    def asked(self, t_ns: int) -> "StepClock":
        """Return the clock after the operator asked for the next step at `t_ns`."""
        return StepClock(self.steps, self.started_ns, (*self.next_ns, t_ns))

    def bounds_ns(self, now_ns: int) -> list[int]:
        """Return when each step began that has begun by `now_ns`, and last the end of the last step if that
        is past, too.
        """
        requests = sorted(t for t in self.next_ns if t <= now_ns)
        bounds = [self.started_ns]
        for step in self.steps:
            after = bisect_right(requests, bounds[-1])
            ends = requests[after : after + 1]
            if step.seconds is not None:
                ends = [*ends, bounds[-1] + round(step.seconds * 1e9)]
            if not ends or min(ends) > now_ns:
                break
            bounds.append(min(ends))
        return bounds if self.steps and self.started_ns <= now_ns else []

    def ended(self, now_ns: int) -> bool:
        """Whether the last step is over."""
        return len(self.bounds_ns(now_ns)) == len(self.steps) + 1

    def status(self, now_ns: int) -> StepStatus | None:
        """Return the step that runs at `now_ns`; None before the first, after the last, and without steps."""
        bounds = self.bounds_ns(now_ns)
        if not 0 < len(bounds) <= len(self.steps):
            return None
        number = len(bounds) - 1
        step = self.steps[number]
        return StepStatus(
            number=number,
            n_steps=len(self.steps),
            name=step.name,
            text=step.text,
            elapsed_s=(now_ns - bounds[-1]) / 1e9,
            seconds=step.seconds,
        )

    def markers(self, after_ns: int, now_ns: int) -> tuple[Marker, ...]:
        """Return the markers that steps set after `after_ns` and not later than `now_ns`, in order of time.

        Calls over touching spans give each marker once.
        """
        return tuple(marker for marker in self._all(now_ns) if after_ns < marker.t_ns <= now_ns)

    def _all(self, now_ns: int) -> list[Marker]:
        bounds = self.bounds_ns(now_ns)
        found = []
        for number, step in enumerate(self.steps[: len(bounds)]):
            begin_ns = bounds[number]
            end_ns = bounds[number + 1] if number + 1 < len(bounds) else None
            found.append(Marker(begin_ns, f"step: {step.name} begins", SOURCE))
            for marker in step.markers:
                t_ns = begin_ns + round(marker.after_s * 1e9)
                if end_ns is None or t_ns < end_ns:
                    found.append(Marker(t_ns, marker.label, SOURCE))
        if self.steps and len(bounds) == len(self.steps) + 1:
            found.append(Marker(bounds[-1], f"step: {self.steps[-1].name} ends", SOURCE))
        return sorted(found, key=lambda marker: marker.t_ns)


def step_requests(steps: Sequence[Step], markers: Iterable[Marker]) -> tuple[int, ...]:
    """Return when steps began and ended, as recorded: `StepClock.next_ns` of a take that goes on."""
    changes = {f"step: {step.name} {change}" for step in steps for change in ("begins", "ends")}
    return tuple(marker.t_ns for marker in markers if marker.source == SOURCE and marker.label in changes)
