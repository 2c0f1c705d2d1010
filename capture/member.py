"""One recorder as the master knows it: its process if the master started it, its last words, and its fate."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO

from .messages import Beat, Hello
from .recorder_settings import RecorderSettings
from .rig import Rig
from .status import RecorderStatus

QUIT_TIMEOUT_S = 5.0
CLOSING_S = 45.0
"""A recorder in the middle of a take may need so long to get its camera back and close its files."""


@dataclass(slots=True)
class Member:
    """What is known of one recorder.

    Attributes
    ----------
    process, log : of a recorder that this master started; the log is a file without a name
    peer : of the process that has joined, "" while none has
    hello : who it is; None while it was not heard
    joined : it has acknowledged this master
    gone : why it will not come back, or ""
    disk : what tells the disk that it writes to from others, as far as it was told; or ""
    """

    name: str
    settings: RecorderSettings
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None
    peer: str = ""
    hello: Hello | None = None
    joined: bool = False
    heard_s: float = field(default_factory=time.monotonic)
    beat: Beat | None = None
    gone: str = ""
    disk: str = ""

    @property
    def finished(self) -> bool:
        """Whether it has closed the files of the take."""
        return self.beat is not None and self.beat.state == "finished"

    @property
    def reachable(self) -> bool:
        """Whether it has joined and may still answer; of a process that has ended nothing more will come."""
        ended = self.process is not None and self.process.poll() is not None
        return self.joined and not self.gone and not ended

    def status(self) -> RecorderStatus:
        """Return its state as the operator sees it."""
        beat = self.beat
        pid = self.hello.pid if self.hello else self.process.pid if self.process else 0
        who = {
            "name": self.name,
            "host": self.settings.host,
            "pid": pid,
            "camera": self.settings.camera,
            "silent_s": time.monotonic() - self.heard_s,
            "gone": self.gone,
            "finished": self.finished,
        }
        if beat is None:
            return RecorderStatus(**who, state=self.hello.state if self.hello else "absent")
        return RecorderStatus(**who, **beat.model_dump(exclude={"session"}))

    def look(self) -> None:
        """See whether its process has ended by itself."""
        if self.process is None or self.gone or self.finished:
            return
        status = self.process.poll()
        if status is not None:
            self.gone = f"ended by itself ({_cause(status)}{self._last_line()})"

    def end(self, end_s: float) -> None:
        """Wait for the process until `end_s` (monotonic), then tell it to end, then end it."""
        if self.process is None:
            return
        patience_s = CLOSING_S if self.beat is not None and self.beat.state == "recording" else QUIT_TIMEOUT_S
        for push in (None, self._terminate, self.process.kill):
            if push is not None:
                push()
            try:
                self.process.wait(max(0.1, end_s - time.monotonic()) if push is None else patience_s)
                break
            except subprocess.TimeoutExpired:
                continue
        if self.log is not None:
            self.log.close()

    def _terminate(self) -> None:
        """Tell the process to end in order."""
        assert self.process is not None
        if sys.platform == "win32":
            self.process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            self.process.terminate()

    def _last_line(self) -> str:
        if self.log is None:
            return ""
        self.log.seek(0)
        lines = self.log.read().decode("utf-8", errors="replace").strip().splitlines()
        return f": {lines[-1].removeprefix('error: ')[:300]}" if lines else ""


def spawn(member: Member, rig: Rig, *, master: str) -> None:
    """Start a recorder's process; Ctrl-C in the operator's terminal does not reach it.

    It reads the rig from its standard input and writes its complaints into a file without a name, so that
    nothing is left behind however the two processes end.
    """
    import tomlkit

    # -P: a file in the operator's folder must not stand in for a module of the same name.
    words = ["-P", "-m", "mavfer", "recorder", member.name, "--rig", "-", "--master", master, "--once"]
    member.log = tempfile.TemporaryFile(prefix="mavfer-")  # noqa: SIM115 - lives as long as the process
    flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
    member.process = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=member.log,
        stderr=member.log,
        start_new_session=os.name == "posix",
        creationflags=flags,
    )
    assert member.process.stdin is not None
    text = tomlkit.dumps(rig.model_dump(mode="json", exclude_none=True))
    with member.process.stdin as pipe:
        try:
            pipe.write(text.encode())
        except BrokenPipeError:  # it ended at once; its log says why
            return


def _cause(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit {status}"
