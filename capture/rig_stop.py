"""Ending what the recorders of a rig carry out for a master that is gone."""

import time

from ..errors import RecordError
from .crew import Crew
from .rig import Rig

GATHER_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 60.0
LOOK_S = 0.1


def stop_rig(rig: Rig, *, timeout_s: float = GATHER_TIMEOUT_S) -> dict[str, str]:
    """End the takes that waiting recorders of a rig still carry out; return their sessions by recorder.

    Their files are closed in order. Recorders that the master starts itself end with their plan and are not
    reached by this.

    Raises
    ------
    RecordError
        A master listens that could end them itself, no recorder was heard, or one did not end in time.
    """
    waiting = [name for name, settings in rig.recorders.items() if not settings.spawned]
    if not waiting:
        raise RecordError(
            "wanted a rig with recorders that wait (spawn = false, or another host), found none"
        )
    with Crew(rig, only=waiting) as crew:
        end_s = time.monotonic() + timeout_s
        while crew.missing() and time.monotonic() < end_s:
            crew.listen(LOOK_S)
        if missing := crew.missing():
            raise RecordError("; ".join(crew.absence(name, timeout_s) for name in missing))
        found = {
            member.name: member.hello.session
            for member in crew.members()
            if member.hello is not None and member.hello.state == "recording"
        }
        for name, session in found.items():
            crew.command_all("stop", {"session": session}, timeout_s=STOP_TIMEOUT_S, only=[name])
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while any(not member.finished for member in crew.members() if member.name in found):
            crew.listen(LOOK_S)
            if time.monotonic() > end_s:
                raise RecordError(
                    f"wanted {', '.join(found)} to close their files within {STOP_TIMEOUT_S:g} s"
                )
    return found
