"""The recorders of a rig as the master sees them: found or started, joined, commanded, and heard."""

import itertools
import json
import platform
import secrets
import time
from collections import deque
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Any

from ..errors import RecordError
from .clock import boot_id
from .desk import Desk
from .keys import read_master_keys
from .link import MasterLink
from .member import QUIT_TIMEOUT_S, Member, spawn
from .messages import Beat, Command, Heard, Hello, Report, parse_body
from .now import monotonic_ns
from .preview import preview_of_message
from .rig import LOOPBACK, Rig
from .status import SILENT_S, RecorderStatus, TakeStatus

RETRY_S = 1.0
ENDING_S = 30.0
STAY_EVERY_S = 0.5
LISTEN_S = 0.05
WAITING_S = 15.0
"""Recorders that wait say hello three times a second; those that are started need their time."""
REPLACE_S = 3.0
"""A recorder that was silent for so long may be replaced by another process of its name."""
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
        self._ids = itertools.count(1)
        self._answers: dict[tuple[str, int], Report] = {}
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
        self._newcomers: dict[str, tuple[float, float]] = {}
        """By name, when another process of a recorder's name has said hello: first, and last."""

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
        return tuple(member.status() for member in self._members.values())

    def n_gone(self) -> int:
        """Return how many recorders have ended by themselves."""
        return sum(bool(member.gone) for member in self._members.values())

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
        body: dict[str, Any] | dict[str, dict[str, Any]],
        *,
        timeout_s: float,
        deadline_ns: int | None = None,
        per_recorder: bool = False,
        only: Iterable[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Send a command to all recorders until each has acknowledged it; return their answers by name.

        Parameters
        ----------
        per_recorder : `body` holds a body for each name
        only : the names of those to command

        Raises
        ------
        RecordError
            A recorder refused, is gone, or did not answer in time.
        """
        now_ns = monotonic_ns()
        deadline_ns = deadline_ns or now_ns + int(timeout_s * 1e9)
        commands = {
            name: self._command(do, body[name] if per_recorder else body, deadline_ns)
            for name in (self._members if only is None else only)
        }
        sent_s = 0.0
        end_s = time.monotonic() + timeout_s
        while True:
            waiting = [name for name in commands if (name, commands[name].id) not in self._answers]
            if not waiting:
                break
            if time.monotonic() > end_s:
                raise RecordError(
                    f"recorder {', '.join(waiting)} did not answer {do!r} within {timeout_s:g} s"
                )
            if time.monotonic() - sent_s > RETRY_S:
                sent_s = time.monotonic()
                for name in waiting:
                    self._send(name, commands[name])
            self.listen(LISTEN_S)
            self.raise_if_gone()
        answers = {name: self._answers.pop((name, command.id)) for name, command in commands.items()}
        refusals = [
            f"recorder {name!r}: {answer.body.get('error', 'refused')}"
            for name, answer in answers.items()
            if answer.kind == "refused"
        ]
        if refusals:
            raise RecordError("; ".join(refusals))
        return {name: answer.body for name, answer in answers.items()}

    def command_living(
        self, do: str, body: dict[str, Any], *, only: Iterable[str] | None = None, wait_s: float = 0.0
    ) -> list[str]:
        """Send a command to every recorder that is still there; wait for the answers, but insist on none.

        Returns the names of those that have not answered.
        """
        names = [name for name in (self._members if only is None else only) if self._members[name].reachable]
        deadline_ns = monotonic_ns() + int((wait_s + ENDING_S) * 1e9)
        commands = {name: self._command(do, body, deadline_ns) for name in names}
        end_s = time.monotonic() + wait_s
        sent_s = 0.0
        while commands:
            if time.monotonic() - sent_s > RETRY_S:
                sent_s = time.monotonic()
                for name, command in commands.items():
                    self._send(name, command)
            if time.monotonic() >= end_s:
                break
            self.listen(LISTEN_S)
            commands = {
                name: one
                for name, one in commands.items()
                if (name, one.id) not in self._answers and self._members[name].reachable
            }
        return list(commands)

    def listen(self, timeout_s: float) -> None:
        """Take in what the recorders say, tell them that the master is there, and see who is gone."""
        if time.monotonic() - self._stayed_s > STAY_EVERY_S:
            self._stayed_s = time.monotonic()
            stay = self._command("stay", {}, 0)
            for name, member in self._members.items():
                if member.joined and not member.gone:
                    self._send(name, stay)
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
            self._welcome(member, heard.peer, message)
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
            elif message.master == self.master:
                self._answers[member.name, message.id] = message
                self._take_in_join(member, message)
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
        self._send(member.name, self._command("stop" if n_ticks else "disarm", body, deadline_ns))

    def _welcome(self, member: Member, peer: str, report: Report) -> None:
        """Let a recorder join that has no master, or had this one and lost it from sight."""
        hello = parse_body(report.body, Hello)
        if hello is None or self._leaving:
            return
        if member.peer not in ("", peer):
            holds_take = bool(self.take) and hello.session == self.take
            alive = True if member.process is not None else self._outlives_newcomer(member)
            if alive is not False and not holds_take:
                if alive:
                    body = {"host": member.hello.host} if member.hello else {}
                    self._try(peer, self._command("turn_away", body, 0))
                return
            member.joined = False
        member.peer, member.hello, member.heard_s = peer, hello, time.monotonic()
        ports = {"ping_port": self._link.ping_port, "status_port": self._link.status_port}
        self._try(
            peer,
            Command(
                master=self.master,
                id=0,
                do="join",
                deadline_ns=0,
                body={**ports, "boot_id": boot_id(), "host": platform.node()},
            ),
        )

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

    def _take_in_last_word(self, member: Member, body: dict[str, Any]) -> None:
        last = body.get("beat")
        member.beat = (parse_body(last, Beat) if isinstance(last, dict) else None) or member.beat
        if not member.finished:
            member.gone = str(body.get("cause", "has left"))[:500]

    def _take_in_join(self, member: Member, report: Report) -> None:
        if report.id != 0:
            return
        del self._answers[member.name, 0]
        hello = parse_body(report.body, Hello)
        if report.kind == "done" and hello is not None:
            member.joined, member.hello = True, hello

    def _command(self, do: str, body: dict[str, Any], deadline_ns: int) -> Command:
        return Command.model_validate(
            {
                "master": self.master,
                "id": next(self._ids),
                "do": do,
                "deadline_ns": deadline_ns,
                "body": body,
            }
        )

    def _send(self, name: str, command: Command) -> None:
        """Send a command; what does not arrive is sent again, and who stays away is seen to be silent."""
        self._try(self._members[name].peer, command)

    def _try(self, peer: str, command: Command) -> None:
        try:
            self._link.send(peer, command)
        except RecordError:
            return

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
