"""All that the doctor looks at, side by side and within a time limit, told in the order of the sections."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import (
    cameras,
    clocks,
    drivers,
    firewall,
    graphics,
    loading,
    network,
    packages,
    ports,
    processor,
    programs,
    storage,
    terminal,
    usb,
    webcams,
)
from .asked import Asked
from .finding import Check, Finding, Section, Use, untold

MARGIN_S = 0.5
"""A program that has come to nothing in time still says so itself."""
EVERYONE: tuple[Use, ...] = ("record", "rate", "build", "train", "all")
RECORDING: tuple[Use, ...] = ("record", "all")


@dataclass(frozen=True, slots=True)
class Topic:
    """A section: its title, for which uses it matters, and what it looks at."""

    title: str
    uses: tuple[Use, ...]
    checks: tuple[Callable[[Asked], list[Check]], ...]


TOPICS = (
    Topic("Python and packages", EVERYONE, (packages.checks, loading.checks)),
    Topic("Drivers", RECORDING, (drivers.checks,)),
    Topic("Cameras and USB", RECORDING, (usb.checks, webcams.checks, cameras.checks)),
    Topic("Network", RECORDING, (network.checks, firewall.checks)),
    Topic("Disk", EVERYONE, (storage.checks,)),
    Topic("Clock", RECORDING, (clocks.checks,)),
    Topic("Processor and memory", EVERYONE, (processor.checks,)),
    Topic("Graphics card", ("train", "all"), (graphics.checks,)),
    Topic("Ports", ("record", "rate", "all"), (ports.checks,)),
    Topic("Programs and files", ("record", "rate", "build", "all"), (programs.checks,)),
    Topic("Terminal", EVERYONE, (terminal.checks,)),
)


def examine(asked: Asked) -> tuple[Section, ...]:
    """Return what was found of everything that matters for the use, in `machine.wait_s` and half a second.

    A check that fails or does not answer in time is a finding that says so.
    """
    within_s = max(asked.machine.wait_s, cameras.ASK_S * asked.asks_cameras) + MARGIN_S
    planned = [
        (topic, [check for one in topic.checks for check in one(asked)])
        for topic in TOPICS
        if asked.use in topic.uses
    ]
    answers = _side_by_side([check for _, checks in planned for check in checks], within_s=within_s)
    sections = []
    for topic in TOPICS:
        checks = next((checks for one, checks in planned if one is topic), None)
        if checks is None:
            idle = Finding(topic.title, "not needed", f"not looked at for --for {asked.use}")
            sections.append(Section(topic.title, (idle,)))
            continue
        sections.append(Section(topic.title, tuple(f for check in checks for f in answers[id(check)])))
    return tuple(sections)


def _side_by_side(checks: list[Check], *, within_s: float) -> dict[int, tuple[Finding, ...]]:
    """Return the findings of each check by its id; a thread that hangs is left behind."""
    done: queue.SimpleQueue[tuple[int, tuple[Finding, ...]]] = queue.SimpleQueue()
    for check in checks:
        threading.Thread(target=lambda one=check: done.put((id(one), _look(one))), daemon=True).start()
    answers: dict[int, tuple[Finding, ...]] = {}
    end_s = time.monotonic() + within_s
    while len(answers) < len(checks):
        try:
            number, findings = done.get(timeout=max(0.0, end_s - time.monotonic()))
        except queue.Empty:
            break
        answers[number] = findings
    late = f"no answer within {within_s:g} s"
    return {id(check): answers.get(id(check), (untold(check.name, late),)) for check in checks}


def _look(check: Check) -> tuple[Finding, ...]:
    try:
        found = check.look()
        return (found,) if isinstance(found, Finding) else tuple(found)
    except Exception as error:
        return (untold(check.name, str(error) or type(error).__name__),)
