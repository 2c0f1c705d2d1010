"""The checklist of a rig's cameras on this machine, from the first step to the folder with the report."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import ConfigError, UsageError
from ...output import new_folder, require_folder_free
from ..cameras import make_camera
from ..rig import Rig
from .bench import Bench, MakeCamera, Patience
from .found import CameraCheck, HardwareCheck
from .machine import machine_facts, recorders_here
from .names import Names
from .person import Person
from .person_steps import ASKING
from .picture_steps import LOOKING
from .record import RECORD_NAME, write_record
from .sharing_steps import CLOSING, OPENING, SHARING
from .steps import INTERRUPTED, Finding, Outcome, Step, finding, look
from .stopping import Stopping
from .stream_steps import STREAMING
from .watch import Event

NOT_OPEN = Outcome("not done", "the camera did not open")
NO_STREAM = Outcome("not done", "the camera does not stream")

Tell = Callable[[str, Finding], None]


def chosen_recorders(rig: Rig, recorder: str | None) -> tuple[str, ...]:
    """Return the recorders to check: the one that is named, or all whose cameras are on this machine.

    Raises
    ------
    UsageError
        The rig has no recorder of that name.
    ConfigError
        There is none, or the rig's time is virtual.
    """
    if rig.is_virtual:
        raise ConfigError('wanted a rig in real time, found simulated.clock = "virtual": nothing to measure')
    if recorder is not None:
        if recorder not in rig.recorders:
            known = ", ".join(rig.recorders)
            raise UsageError(f"--recorder wants one of the rig's recorders {known}, found {recorder!r}")
        return (recorder,)
    here = recorders_here(rig)
    if not here:
        where = ", ".join(f"{name} on {one.host}" for name, one in rig.recorders.items())
        raise ConfigError(
            f"wanted a recorder whose camera is on this machine, found {where}; run this there, or pass "
            "--recorder NAME"
        )
    return here


def check_hardware(
    rig: Rig,
    names: Sequence[str],
    out: Path,
    *,
    person: Person,
    patience: Patience,
    tell: Tell,
    keeps_pictures: bool = True,
    overwrite: bool = False,
    make: MakeCamera = make_camera,
) -> HardwareCheck:
    """Go through the checklist for each camera, one after the other, and write the folder `out`.

    Ctrl-C ends it in order: what was measured until then stands in the report, `interrupted` is set.

    Parameters
    ----------
    names : of recorders whose cameras are plugged into this machine; nobody else may have them open
    tell : is told of each finding as it is made, and once of all that could not be done
    make : makes the camera of a recorder's settings

    Raises
    ------
    OutputError
        `out` holds something and `overwrite` is False, or the disk refuses the report.
    ConfigError
        What draws the report's plots is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("wanted matplotlib for the report, found none; run `pip install 'mavfer[report]'`")
    require_folder_free(out, marker=RECORD_NAME, overwrite=overwrite)
    hidden = Names()
    with Stopping() as stopping, new_folder(out, marker=RECORD_NAME, overwrite=overwrite) as folder:
        began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
        cameras: list[CameraCheck] = []
        for name in names:
            bench = Bench(
                name,
                rig=rig,
                folder=folder / name,
                person=person,
                patience=patience,
                names=hidden,
                keeps_pictures=keeps_pictures,
                make=make,
            )
            findings = _check_camera(bench, tell, stopping)
            bench.write_dumps()
            cameras.append(_told(bench, findings))
        machine: dict[str, Any] = hidden.hide_all(machine_facts())
        found = HardwareCheck(began, stopping.stopped, machine, tuple(cameras))
        write_record(found, folder)
    return found


def _check_camera(bench: Bench, tell: Tell, stopping: Stopping) -> list[Finding]:
    """Go through the steps of one camera and return what was found, also when it is interrupted."""
    findings: list[Finding] = []

    def add(one: Finding) -> None:
        findings.append(Finding(**bench.names.hide_all(asdict(one))))
        tell(bench.name, findings[-1])

    def go_through(steps: Sequence[Step]) -> None:
        for step in steps:
            if step.applies(bench):
                add(look(step, bench))

    def leave_out(steps: Sequence[Step], outcome: Outcome) -> None:
        """Add steps that are not done, and tell of all of them at once."""
        left = [finding(step, outcome) for step in steps if step.applies(bench)]
        findings.extend(left)
        if len(left) == 1:
            tell(bench.name, left[0])
        elif left:
            tell(bench.name, replace(left[0], key="", title=f"{len(left)} more steps"))

    def streaming() -> bool:
        begun = look(STREAM, bench)
        if begun.verdict != "ok":
            add(begun)
        return bench.has_watch

    every = (*OPENING, *STREAMING, *LOOKING, *ASKING, *SHARING)
    try:
        with stopping.stoppable():
            go_through(OPENING[:1])
            if not bench.is_open:
                leave_out(every[1:], NOT_OPEN)
                return findings
            go_through(OPENING[1:])
            if not streaming():
                leave_out(every[len(OPENING) :], NO_STREAM)
            else:
                go_through((*STREAMING, *LOOKING, *ASKING, *SHARING))
    except KeyboardInterrupt:
        if bench.has_watch and not any(one.key == STREAMING[0].key for one in findings):
            go_through(STREAMING)
        done = {one.key for one in findings}
        leave_out([step for step in every if step.key not in done], INTERRUPTED)
    go_through([CLOSING])
    return findings


def _stream(bench: Bench) -> Outcome:
    bench.stream()
    return Outcome("ok", "")


STREAM = Step("stream", "Streaming", "it starts", "how recorders use a camera", _stream)


def _told(bench: Bench, findings: list[Finding]) -> CameraCheck:
    hide = bench.names.hide
    return CameraCheck(
        bench.name,
        bench.kind,
        bench.simulated,
        tuple(findings),
        bench.streamed_s,
        bench.fps,
        bench.stamps,
        bench.names.hide_all(bench.nodes),
        tuple(Event(one.at_s, one.kind, hide(one.text)) for one in bench.events),
        tuple(bench.health),
        tuple(bench.shown),
    )
