"""The recorders of a rig as the master sees them: found or started, gathered, commanded, and heard.

joining.py says who is which recorder; orders.py carries the commands.
"""

import json
import secrets
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from types import TracebackType
from typing import Any

from ..errors import RecordError
from .desk import Desk
from .joining import REPLACE_S, Door
from .keys import read_master_keys
from .link import MasterLink
from .member import QUIT_TIMEOUT_S, Member, spawn
from .messages import Beat, Heard, Hello, Report, parse_body
from .now import monotonic_ns
from .orders import LISTEN_S, RETRY_S, Orders
from .preview import preview_of_message
from .recorder_settings import LOOPBACK
from .rig import Rig
from .status import SILENT_S, RecorderStatus, TakeStatus, with_shared_disks

ENDING_S = 30.0
STAY_EVERY_S = 0.5
WAITING_S = 15.0
"""Recorders that wait say hello three times a second; those that are started need their time."""
LEAVE_TIMEOUT_S = 2.0
LONGEST_REVIVAL_S = 10.0


class Crew:
    """All recorders of a rig; as a context manager it lets them go, and ends those that it started.

    Parameters
    ----------
    desk : gets the previews and notices
    address : where an earlier master listened whose recorders are to be taken over; none is started then
    only : the names of those recorders that are wanted; the others' keys are known, and they go on waiting

    Raises
    ------
    RecordError
        Another master listens where this one should.
    ConfigError
        The lab's keys are missing or unfit.
    """

    def __init__(
        self, rig: Rig, *, desk: Desk | None = None, address: str = "", only: Collection[str] | None = None
    ) -> None:
        self.master = secrets.token_hex(8)
        self.take = ""
        """Id of the take that runs: who holds it is the recorder of its name, whoever else says hello."""
        self._refusals: deque[str] = deque(maxlen=100)
        self._last_refusal = ""
        self._rig = rig
        self._desk = desk
        self._address = address
        self._members = {
            name: Member(name, settings)
            for name, settings in rig.recorders.items()
            if only is None or name in only
        }
        self._silent: set[str] = set()
        self._stayed_s = 0.0
        self._leaving = False
        self._ended: dict[str, tuple[int, float]] = {}
        """Takes that are over, by name: after how many ticks, and when a recorder was last told."""
        self._revived: dict[str, tuple[float, float]] = {}
        """By name, when a recorder may be started anew, and how long the wait was before."""

    def __enter__(self) -> "Crew":
        rig, settings = self._rig, self._rig.master
        host, port = (settings.host, settings.port) if settings is not None else ("127.0.0.1", 0)
        if self._address:
            host, _, number = self._address.removeprefix("tcp://").rpartition(":")
            host, port = host.strip("[]"), int(number)
        keys = read_master_keys(rig.keys, rig.recorders) if rig.keys is not None else None
        if keys is None and host not in LOOPBACK:
            raise RecordError(f"without keys the master listens on 127.0.0.1 only, found {host!r}")
        host = "127.0.0.1" if host == "localhost" else host
        self._link = MasterLink(
            host=host,
            port=port,
            neighbors=settings is not None,
            keys=keys,
            on_refusal=self._refusals.append,
        )
        self._orders = Orders(self._link, master=self.master, members=self._members, listen=self.listen)
        self._door = Door(self._link, self._orders)
        try:
            if not self._address:
                for member in self._members.values():
                    if member.settings.spawned:
                        spawn(member, rig, master=self._link.address)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.end()
        finally:
            self._link.close()

    def end(self) -> None:
        """Let every recorder go, and end those that were started; harmless when called twice."""
        self._leaving = True
        mine = [name for name, member in self._members.items() if member.process is not None]
        others = [
            name for name, member in self._members.items() if member.process is None and member.reachable
        ]
        self.command_living("quit", {}, only=mine)
        if others:  # a recorder in the middle of a take refuses, and carries it out
            self.command_living("leave", {}, only=others, wait_s=LEAVE_TIMEOUT_S)
        end_s = time.monotonic() + QUIT_TIMEOUT_S
        for member in self._members.values():
            member.end(end_s)
            member.joined = False

    @property
    def address(self) -> str:
        """Where recorders find this master."""
        return self._link.address

    @property
    def n_malformed(self) -> int:
        """Messages that had no effect."""
        return self._link.n_malformed

    @property
    def link(self) -> MasterLink:
        """The wire, for what is no command: files."""
        return self._link

    def take_refusals(self) -> list[str]:
        """Return what was told since the last call of peers without this lab's keys, oldest first."""
        told = [self._refusals.popleft() for _ in range(len(self._refusals))]
        self._last_refusal = told[-1] if told else self._last_refusal
        return told

    def members(self) -> tuple[Member, ...]:
        """Return what is known of every recorder."""
        return tuple(self._members.values())

    def statuses(self) -> tuple[RecorderStatus, ...]:
        """Return every recorder's status."""
        disk_of = {name: member.disk for name, member in self._members.items()}
        return with_shared_disks((member.status() for member in self._members.values()), disk_of)

    def end_take(self, session: str, n_ticks: int) -> None:
        """See to it that no recorder goes on with a take, whenever it comes back to hear of it.

        Parameters
        ----------
        n_ticks : after which the take ended; 0 for one that never began, whose files are removed
        """
        self._ended[session] = n_ticks, 0.0

    def revive(self) -> None:
        """Start those of this machine anew that have ended, ever more slowly; forget those of others that
        fell silent.
        """
        for name, member in self._members.items():
            lost = member.joined and time.monotonic() - member.heard_s > REPLACE_S
            if member.process is None:
                if member.gone or lost:
                    self._members[name] = Member(name, member.settings)
            elif member.gone:
                due_s, wait_s = self._revived.get(name, (0.0, 0.5))
                if time.monotonic() < due_s:
                    continue
                wait_s = min(2 * wait_s, LONGEST_REVIVAL_S)
                self._revived[name] = time.monotonic() + wait_s, wait_s
                member.end(time.monotonic())
                self._members[name] = Member(name, member.settings)
                spawn(self._members[name], self._rig, master=self._link.address)

    def all_finished(self) -> bool:
        """Whether every recorder has closed its files or is gone."""
        return all(member.finished or member.gone for member in self._members.values())

    def forget_take(self) -> None:
        """Forget what recorders told of the last take, before the next."""
        self.take = ""
        for member in self._members.values():
            member.beat = None

    def gather(self, *, timeout_s: float) -> None:
        """Return once every recorder has joined; raises RecordError naming those that did not."""
        begun_s = time.monotonic()
        end_s = begun_s + timeout_s
        while missing := self.missing():
            self.listen(LISTEN_S)
            self._show(missing)
            self.raise_if_gone()
            late = [name for name in missing if not self._members[name].settings.spawned]
            if late and time.monotonic() > begun_s + min(timeout_s, WAITING_S):
                raise RecordError("; ".join(self.absence(name, min(timeout_s, WAITING_S)) for name in late))
            if time.monotonic() > end_s:
                raise RecordError("; ".join(self.absence(name, timeout_s) for name in missing))

    def _show(self, missing: list[str]) -> None:
        """Lay out on the desk who is waited for."""
        if self._desk is None:
            return
        self._desk.show(
            TakeStatus(
                state="gathering",
                now_ns=monotonic_ns(),
                rig=self._rig.name,
                recorders=self.statuses(),
                notice=f"waiting for {', '.join(missing)} at {self.address}",
                notice_is_bad=any(not self._members[name].settings.spawned for name in missing),
            )
        )

    def missing(self) -> list[str]:
        """Return the names of the recorders that have not joined."""
        return [name for name, member in self._members.items() if not member.joined]

    def command_all(
        self,
        do: str,
        body: dict[str, Any],
        *,
        timeout_s: float,
        deadline_ns: int | None = None,
        only: Iterable[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Send one command to all recorders, or to `only` some, as `command_each` does."""
        bodies = dict.fromkeys(self._members if only is None else only, body)
        return self.command_each(do, bodies, timeout_s=timeout_s, deadline_ns=deadline_ns)

    def command_each(
        self,
        do: str,
        bodies: Mapping[str, dict[str, Any]],
        *,
        timeout_s: float,
        deadline_ns: int | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Send a command to recorders until each has acknowledged it; return their answers by name.

        Parameters
        ----------
        bodies : what each of them is told, by name
        deadline_ns : on this machine's clock; `timeout_s` from now, where it is not said

        Raises
        ------
        RecordError
            A recorder refused, is gone, or did not answer in time.
        """

        def insist(_: str) -> bool:
            self.raise_if_gone()
            return True

        answers = self._orders.ask(
            do,
            bodies,
            wait_s=timeout_s,
            deadline_ns=deadline_ns or monotonic_ns() + int(timeout_s * 1e9),
            may_answer=insist,
        )
        if waiting := [name for name in bodies if name not in answers]:
            raise RecordError(f"recorder {', '.join(waiting)} did not answer {do!r} within {timeout_s:g} s")
        if refusals := _refusals(answers):
            raise RecordError("; ".join(f"recorder {name!r}: {why}" for name, why in refusals.items()))
        return {name: answers[name].body for name in bodies}

    def command_living(
        self, do: str, body: dict[str, Any], *, only: Iterable[str] | None = None, wait_s: float = 0.0
    ) -> dict[str, str]:
        """Send a command to every recorder that is still there; wait for the answers, but insist on none.

        Returns who has not done it and why: its refusal, or "" where no answer came. Who is gone by then is
        not among them.
        """
        names = [name for name in (self._members if only is None else only) if self._members[name].reachable]
        answers = self._orders.ask(
            do,
            dict.fromkeys(names, body),
            wait_s=wait_s,
            deadline_ns=monotonic_ns() + int((wait_s + ENDING_S) * 1e9),
            may_answer=lambda name: self._members[name].reachable,
        )
        silent = [name for name in names if name not in answers and self._members[name].reachable]
        return dict.fromkeys(silent, "") | _refusals(answers)

    def listen(self, timeout_s: float) -> None:
        """Take in what the recorders say, tell them that the master is there, and see who is gone."""
        if time.monotonic() - self._stayed_s > STAY_EVERY_S:
            self._stayed_s = time.monotonic()
            for member in self._members.values():
                if member.joined and not member.gone:
                    self._orders.say(member.peer, "stay", {})
        for heard in self._link.receive(timeout_s):
            member = self._members.get(heard.name)
            if member is not None:
                self._take_in(member, heard)
        for member in self._members.values():
            member.look()

    def silences(self) -> list[tuple[str, bool]]:
        """Return the recorders that have fallen silent (True) or were heard again since the last call."""
        changes = []
        for name, member in self._members.items():
            silent = member.joined and time.monotonic() - member.heard_s > SILENT_S
            if silent != (name in self._silent):
                self._silent.symmetric_difference_update({name})
                changes.append((name, silent))
        return changes

    def raise_if_gone(self) -> None:
        """Raise RecordError if a recorder has ended by itself."""
        gone = [f"recorder {name!r} {member.gone}" for name, member in self._members.items() if member.gone]
        if gone:
            raise RecordError("; ".join(gone))

    def _take_in(self, member: Member, heard: Heard) -> None:
        message = heard.message
        if isinstance(message, Report) and message.kind == "hello":
            hello = parse_body(message.body, Hello)
            if hello is not None and not self._leaving:
                self._door.welcome(member, heard.peer, hello, take=self.take)
            return
        if heard.peer != member.peer:
            return
        member.heard_s = time.monotonic()
        if isinstance(message, Beat):
            if self.take in ("", message.session):
                member.beat = message
            self._end_if_over(member, message)
        elif isinstance(message, Report):
            if message.master == self.master and message.kind == "left":
                self._take_in_last_word(member, message.body)
            elif message.master == self.master and message.id == 0:
                self._door.let_in(member, message)
            elif message.master == self.master:
                self._orders.take_in(member.name, message)
        elif self._desk is not None:
            try:
                preview = preview_of_message(json.loads(message), heard.picture)
            except (ValueError, RecursionError):
                return
            if preview is not None:
                self._desk.put_preview(preview)

    def _end_if_over(self, member: Member, beat: Beat) -> None:
        """Tell a recorder that goes on with a take that is over to end it; once a second until it does."""
        if beat.state not in ("armed", "recording") or beat.session not in self._ended:
            return
        n_ticks, told_s = self._ended[beat.session]
        if time.monotonic() - told_s < RETRY_S:
            return
        self._ended[beat.session] = n_ticks, time.monotonic()
        body = {"session": beat.session} | ({"n_ticks": n_ticks} if n_ticks else {})
        deadline_ns = monotonic_ns() + int(ENDING_S * 1e9)
        self._orders.say(member.peer, "stop" if n_ticks else "disarm", body, deadline_ns=deadline_ns)

    def _take_in_last_word(self, member: Member, body: dict[str, Any]) -> None:
        last = body.get("beat")
        member.beat = (parse_body(last, Beat) if isinstance(last, dict) else None) or member.beat
        if not member.finished:
            member.gone = str(body.get("cause", "has left"))[:500]

    def absence(self, name: str, timeout_s: float) -> str:
        """Return why a recorder may not have joined, and what to do."""
        settings = self._members[name].settings
        what = f"wanted recorder {name!r} on {settings.host} to join within {timeout_s:g} s"
        if self._members[name].hello is not None:
            return f"{what}, it has another master"
        if settings.spawned:
            return f"{what}, heard nothing"
        self.take_refusals()
        refused = f"; {self._last_refusal}" if self._last_refusal else ""
        return (
            f"{what}, heard nothing at {self.address}; run `mavfer recorder {name} --rig RIG` there{refused}"
        )


def _refusals(answers: Mapping[str, Report]) -> dict[str, str]:
    """Return why recorders have refused, by name."""
    refused = {name: answer for name, answer in answers.items() if answer.kind == "refused"}
    return {name: str(answer.body.get("error", "refused")) for name, answer in refused.items()}
