"""Which process is the recorder of its name: who may join a crew, who is turned away, who replaces whom."""

import platform
import time
from typing import Any

from .clock import boot_id
from .link import MasterLink
from .member import Member
from .messages import Hello, Report, parse_body
from .orders import Orders

REPLACE_S = 3.0
"""A recorder that was silent for so long may be replaced by another process of its name."""


class Door:
    """Where recorders say hello to a master, and are let in or not."""

    def __init__(self, link: MasterLink, orders: Orders) -> None:
        self._orders = orders
        self._where: dict[str, Any] = {
            "ping_port": link.ping_port,
            "status_port": link.status_port,
            "boot_id": boot_id(),
            "host": platform.node(),
        }
        self._newcomers: dict[str, tuple[float, float]] = {}
        """By name, when another process of a recorder's name has said hello: first, and last."""

    def welcome(self, member: Member, peer: str, hello: Hello, *, take: str) -> None:
        """Let a recorder join that has no master, or had this one and lost it from sight.

        Parameters
        ----------
        take : id of the take that runs, or ""; who holds it is the recorder of its name
        """
        if member.peer not in ("", peer):
            holds_take = bool(take) and hello.session == take
            alive = True if member.process is not None else self._outlives_newcomer(member)
            if alive is not False and not holds_take:
                if alive:
                    body = {"host": member.hello.host} if member.hello else {}
                    self._orders.say(peer, "turn_away", body)
                return
            member.joined = False
        member.peer, member.hello, member.heard_s = peer, hello, time.monotonic()
        self._orders.offer(peer, self._where)

    def let_in(self, member: Member, answer: Report) -> None:
        """Count a recorder in that answers the offer to join by saying who it is."""
        hello = parse_body(answer.body, Hello)
        if answer.kind == "done" and hello is not None:
            member.joined, member.hello = True, hello

    def _outlives_newcomer(self, member: Member) -> bool | None:
        """Whether a recorder is at work though another of its name has said hello; None while it may be dead.

        It is if it was heard after that hello; it is not if it was not heard for REPLACE_S.
        """
        now_s = time.monotonic()
        first_s, last_s = self._newcomers.get(member.name, (now_s, now_s))
        if now_s - last_s > REPLACE_S:  # that one is long gone; this is another
            first_s = now_s
        self._newcomers[member.name] = (first_s, now_s)
        if member.gone or now_s - member.heard_s > REPLACE_S:
            return False
        return True if member.heard_s > first_s else None
