"""The recorders of one take as the master sees them: their processes, their answers, and who is gone."""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ..errors import RecordError
from .link import Command, MasterLink, Report
from .rig import Rig

RETRY_S = 1.0
SILENT_S = 2.0
LOST_S = 15.0
"""Without a word for SILENT_S a recorder is shown as silent, for LOST_S while recording it is given up."""
STAY_EVERY_S = 0.5
LISTEN_S = 0.05
UNREACHABLE_S = 1.0
QUIT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """A recorder as its last beat tells it.

    Attributes
    ----------
    tick : the last settled tick, -1 before the first
    kept, lost : see `RecorderRecord`
    waiting : kept frames not yet stored
    silent_s : since it was last heard
    camera_silent_s : since its camera last delivered
    gone : why it will not come back, or ""
    """

    name: str
    pid: int
    state: str
    tick: int
    kept: int
    lost: dict[str, int]
    waiting: int
    silent_s: float
    camera_silent_s: float
    finished: bool
    gone: str
    files: tuple[str, ...]
    complaints: tuple[str, ...]


@dataclass(slots=True)
class _Member:
    """What is known of one recorder."""

    process: subprocess.Popen[bytes]
    log: Path
    said_hello: bool = False
    heard_s: float = field(default_factory=time.monotonic)
    beat: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    gone: str = ""


class Crew:
    """All recorders of a rig, started as processes of this machine; as a context manager it ends them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._ids = itertools.count(1)
        self._answers: dict[tuple[str, int], Report] = {}
        self._members: dict[str, _Member] = {}
        self._stayed_s = 0.0

    def __enter__(self) -> "Crew":
        self._folder = tempfile.TemporaryDirectory(prefix="mavfer-")
        self._link = MasterLink()
        try:
            rig_file = Path(self._folder.name) / "rig.toml"
            rig_file.write_text(_toml(self._rig), encoding="utf-8")
            for name in self._rig.recorders:
                log = Path(self._folder.name) / f"{name}.log"
                self._members[name] = _Member(_spawn(name, rig_file, self._link.address, log), log)
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
            self._folder.cleanup()

    def end(self) -> None:
        """Tell every recorder to quit and wait for its process; harmless when called twice."""
        self.command_living("quit", {})
        end_s = time.monotonic() + QUIT_TIMEOUT_S
        for member in self._members.values():
            _end(member.process, end_s)

    @property
    def ping_address(self) -> str:
        """Where recorders measure their clocks."""
        return self._link.ping_address

    @property
    def all_finished(self) -> bool:
        """Whether every recorder has closed its files or is gone."""
        return all(member.finished or member.gone for member in self._members.values())

    def statuses(self) -> tuple[RecorderStatus, ...]:
        """Return every recorder's status."""
        now_s = time.monotonic()
        return tuple(
            RecorderStatus(
                name=name,
                pid=member.process.pid,
                state=member.beat.get("state", "starting"),
                tick=member.beat.get("tick", -1),
                kept=member.beat.get("kept", 0),
                lost=member.beat.get("lost", {}),
                waiting=member.beat.get("waiting", 0),
                silent_s=now_s - member.heard_s,
                camera_silent_s=member.beat.get("silent_s", 0.0),
                finished=member.finished,
                gone=member.gone,
                files=tuple(member.beat.get("files", ())),
                complaints=tuple(member.beat.get("complaints", ())),
            )
            for name, member in self._members.items()
        )

    def wait_for_all(self, *, timeout_s: float) -> None:
        """Return once every recorder has said hello; raises RecordError naming those that did not."""
        end_s = time.monotonic() + timeout_s
        while missing := [name for name, member in self._members.items() if not member.said_hello]:
            self.listen(LISTEN_S)
            self._raise_if_gone()
            if time.monotonic() > end_s:
                raise RecordError(
                    f"wanted recorder {', '.join(missing)} to start within {timeout_s:g} s, heard nothing"
                )

    def command_all(
        self,
        do: Literal["open", "arm", "start"],
        body: dict[str, Any],
        *,
        timeout_s: float,
        deadline_ns: int | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Send a command to every recorder and return their answers, by name.

        Raises
        ------
        RecordError
            A recorder refused, is gone, or did not answer in time.
        """
        until_ns = time.monotonic_ns() + round(timeout_s * 1e9) if deadline_ns is None else deadline_ns
        command = Command(id=next(self._ids), do=do, deadline_ns=until_ns, body=body)
        end_s, sent_s = time.monotonic() + timeout_s, 0.0
        while missing := [name for name in self._members if (name, command.id) not in self._answers]:
            if time.monotonic() - sent_s > RETRY_S:
                sent_s = time.monotonic()
                self._send(command, missing)
            self.listen(LISTEN_S)
            self._raise_if_gone()
            if time.monotonic() > end_s:
                raise RecordError(f"recorder {', '.join(missing)} did not {do} within {timeout_s:g} s")
        answers = {name: self._answers[name, command.id] for name in self._members}
        refused = [
            f"recorder {name!r}: {answer.body.get('error', 'no reason given')}"
            for name, answer in answers.items()
            if answer.kind == "refused"
        ]
        if refused:
            raise RecordError("; ".join(refused))
        return {name: answer.body for name, answer in answers.items()}

    def command_living(self, do: Literal["stop", "quit", "stay"], body: dict[str, Any]) -> None:
        """Send a command to every recorder that is still there; answers are not waited for."""
        until_ns = time.monotonic_ns() + 10_000_000_000
        command = Command(id=0 if do == "stay" else next(self._ids), do=do, deadline_ns=until_ns, body=body)
        living = [
            name
            for name, member in self._members.items()
            if member.said_hello and member.process.poll() is None
        ]
        self._send(command, living)

    def listen(self, timeout_s: float) -> None:
        """Take in what the recorders report, tell them that the master is there, and see who is gone."""
        if time.monotonic() - self._stayed_s > STAY_EVERY_S:
            self._stayed_s = time.monotonic()
            self.command_living("stay", {})
        for name, report in self._link.receive(timeout_s):
            member = self._members.get(name)
            if member is None:
                continue
            member.said_hello = True
            member.heard_s = time.monotonic()
            if report.id is not None:
                self._answers[name, report.id] = report
            if report.kind in ("beat", "finished"):
                member.beat = report.body
                member.finished = report.kind == "finished"
        for member in self._members.values():
            status = member.process.poll()
            if status is not None and not member.finished and not member.gone:
                member.gone = f"ended by itself ({_cause(status)}{_last_line(member.log)})"
            elif member.beat.get("state") == "recording" and time.monotonic() - member.heard_s > LOST_S:
                member.gone = member.gone or f"was silent for {LOST_S:g} s"

    def _send(self, command: Command, names: list[str]) -> None:
        """Send a command; a recorder out of reach is given a moment to be found dead, with its reason."""
        for name in names:
            member = self._members[name]
            try:
                self._link.send(name, command)
            except RecordError:
                try:
                    member.process.wait(UNREACHABLE_S)
                except subprocess.TimeoutExpired:
                    member.gone = member.gone or "cannot be reached"

    def _raise_if_gone(self) -> None:
        gone = [f"recorder {name!r} {member.gone}" for name, member in self._members.items() if member.gone]
        if gone:
            raise RecordError("; ".join(gone))


def _toml(rig: Rig) -> str:
    import tomlkit

    return tomlkit.dumps(rig.model_dump(mode="json", exclude_none=True))


def _spawn(name: str, rig_file: Path, master: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a recorder's process; Ctrl-C in the operator's terminal does not reach it."""
    # -P: a file in the operator's folder must not stand in for a module of the same name.
    command = [
        sys.executable,
        "-P",
        "-m",
        "mavfer",
        "recorder",
        name,
        "--rig",
        str(rig_file),
        "--master",
        master,
    ]
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    with log.open("wb") as errors:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=os.name == "posix",
            creationflags=flags,
        )


def _end(process: subprocess.Popen[bytes], end_s: float) -> None:
    """Wait for a process until `end_s`, then tell it to end, then end it."""
    for push in (None, process.terminate, process.kill):
        if push is not None:
            push()
        try:
            process.wait(max(0.1, end_s - time.monotonic()) if push is None else QUIT_TIMEOUT_S)
            return
        except subprocess.TimeoutExpired:
            continue


def _cause(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit {status}"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f": {lines[-1].removeprefix('error: ')[:300]}" if lines else ""
