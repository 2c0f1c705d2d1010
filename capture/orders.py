"""Commands to recorders: each has a number and is sent again until it is acknowledged, or is said once."""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import RecordError
from .link import MasterLink
from .member import Member
from .messages import Command, Report

RETRY_S = 1.0
LISTEN_S = 0.05


class Orders:
    """What one master tells the recorders of its crew, and what they answer.

    Parameters
    ----------
    master : id of the master
    members : who is told, by name
    listen : takes in what the recorders say within so many seconds, and hands answers to `take_in`
    """

    def __init__(
        self,
        link: MasterLink,
        *,
        master: str,
        members: Mapping[str, Member],
        listen: Callable[[float], object],
    ) -> None:
        self._link = link
        self._master = master
        self._members = members
        self._listen = listen
        self._ids = itertools.count(1)
        self._answers: dict[tuple[str, int], Report | None] = {}
        """Those that are waited for; None until they come."""

    def ask(
        self,
        do: str,
        bodies: Mapping[str, dict[str, Any]],
        *,
        wait_s: float,
        deadline_ns: int,
        may_answer: Callable[[str], bool],
    ) -> dict[str, Report]:
        """Send a command to every recorder named in `bodies`; return the answers that came within `wait_s`.

        Parameters
        ----------
        deadline_ns : on this machine's clock; a recorder refuses what reaches it later
        may_answer : asked after every look at the wire whether a recorder is worth waiting for
        """
        commands = {name: self._command(do, body, deadline_ns) for name, body in bodies.items()}
        keys = {name: (name, command.id) for name, command in commands.items()}
        self._answers |= dict.fromkeys(keys.values())
        sent_s, end_s = 0.0, time.monotonic() + wait_s
        waiting = list(commands)
        try:
            while waiting:
                if time.monotonic() - sent_s > RETRY_S:
                    sent_s = time.monotonic()
                    for name in waiting:
                        self._send(self._members[name].peer, commands[name])
                if time.monotonic() >= end_s:
                    break
                self._listen(LISTEN_S)
                waiting = [n for n in waiting if self._answers[keys[n]] is None and may_answer(n)]
        finally:
            answers = {name: self._answers.pop(key) for name, key in keys.items()}
        return {name: answer for name, answer in answers.items() if answer is not None}

    def say(self, peer: str, do: str, body: dict[str, Any], *, deadline_ns: int = 0) -> None:
        """Send a command once; nobody waits for an answer."""
        self._send(peer, self._command(do, body, deadline_ns))

    def offer(self, peer: str, body: dict[str, Any]) -> None:
        """Offer a recorder to join; its answer has the number 0."""
        self._send(peer, Command(master=self._master, id=0, do="join", deadline_ns=0, body=body))

    def take_in(self, name: str, report: Report) -> None:
        """Keep an answer that is waited for."""
        if (name, report.id) in self._answers:
            self._answers[name, report.id] = report

    def _command(self, do: str, body: dict[str, Any], deadline_ns: int) -> Command:
        table = {"master": self._master, "id": next(self._ids), "do": do, "deadline_ns": deadline_ns}
        return Command.model_validate(table | {"body": body})

    def _send(self, peer: str, command: Command) -> None:
        """Send a command; what does not arrive is sent again, and who stays away is seen to be silent."""
        try:
            self._link.send(peer, command)
        except RecordError:
            return
