"""Which recorders of a running take are given up: those that are silent for good, and those started anew."""

import time
from pathlib import Path

from .crew import Crew
from .member import Member
from .now import monotonic_ns
from .session import SessionRecord

LOST_S = 15.0
GRACE_S = 60.0
"""A recorder that was not heard for LOST_S is given up GRACE_S after the plan's end, not while it may go on
recording behind a cut cable; on a virtual clock, where there is no cable, at once."""
REPLACED_S = 5.0
"""A recorder whose name another process has had for so long, without the take, is given up."""


class Losses:
    """The recorders that a take began with, looked at again and again until it ends.

    Parameters
    ----------
    path : the session's folder
    virtual : whether time is virtual
    """

    def __init__(self, crew: Crew, path: Path, *, virtual: bool) -> None:
        self._crew = crew
        self._path = path
        self._virtual = virtual
        self._peers = {member.name: member.peer for member in crew.members()}
        self._replaced_s: dict[str, float] = {}

    def look(self, record: SessionRecord) -> None:
        """Give up whom nobody has to wait for any more: it is gone from then on."""
        over = monotonic_ns() > record.plan.end_ns + GRACE_S * 1e9
        for member in self._crew.members():
            silent_s = time.monotonic() - member.heard_s
            if (self._virtual or over) and silent_s > LOST_S and not member.finished and not member.gone:
                member.gone = f"was silent for {silent_s:.0f} s"
            self._give_up_if_replaced(member, record)

    def all_heard(self) -> bool:
        """Whether every recorder was heard of late, so that an answer can be waited for."""
        return all(not status.gone and status.silent_s < LOST_S for status in self._crew.statuses())

    def _give_up_if_replaced(self, member: Member, record: SessionRecord) -> None:
        """Give a recorder up whose place another process of its name has taken, one without the take."""
        if not member.joined or member.peer == self._peers[member.name] or member.gone:
            self._replaced_s.pop(member.name, None)
        elif member.hello is not None and member.hello.session == record.id:
            self._peers[member.name] = member.peer
        elif time.monotonic() - self._replaced_s.setdefault(member.name, time.monotonic()) > REPLACED_S:
            folder = record.recorders[member.name].folder
            member.gone = f"was started anew; what it recorded until then lies in {folder or self._path}"
