"""The running master as other processes of this machine reach it: mark a moment, next step, stop, status.

A ROUTER on 127.0.0.1 in a thread of the master; calls.py is the other end. A message without the token that
runtime.py hands out has no effect.
"""

import hmac
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import zmq
from pydantic import ValidationError

from .calls import RUNNING, Answer, Call
from .desk import Desk, NextStep, Stop
from .now import monotonic_ns
from .runtime import announced
from .status import Marker, TakeStatus

MARK_WITHIN_S = 2.0
STEP_WITHIN_S = 2.0
STOP_WITHIN_S = 100.0
LONGEST_MESSAGE = 65_536
RECORDING = "recording"

Verdict = tuple[bool, str]
Settled = Callable[[TakeStatus], Verdict | None]


@dataclass(slots=True)
class _Waiting:
    """A call that is answered as soon as `settled` gives a verdict, or refused with `late` after `end_s`."""

    sender: bytes
    settled: Settled
    end_s: float
    late: str
    marker: Marker | None = None
    t_s: float | None = None


class ControlServer:
    """The master's end; a thread that reads the desk's status and asks the desk.

    Attributes
    ----------
    address : where it listens
    n_malformed : messages that had no effect, for their form or their token
    """

    def __init__(self, desk: Desk) -> None:
        self.n_malformed = 0
        self._desk = desk
        self._waiting: list[_Waiting] = []
        self._closing = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LONGEST_MESSAGE)
        self.address = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"
        self._announced = ExitStack()
        try:
            self._token = self._announced.enter_context(announced(self.address)).token
        except BaseException:
            self._socket.close(linger=0)
            self._context.term()
            raise
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer what waits, and be found no more; harmless when called twice."""
        self._announced.close()
        self._closing.set()
        self._thread.join()
        self._context.term()

    def _run(self) -> None:
        seen = 0
        while not self._closing.is_set():
            timeout_ms = 0 if self._waiting else 100
            self._listen(timeout_ms)
            if self._waiting:
                seen = self._desk.wait(seen, 0.02)
                self._settle(time.monotonic())
        self._listen(0)
        self._settle(float("inf"))
        self._socket.close()

    def _listen(self, timeout_ms: int) -> None:
        """Take what has come, at most 100 messages: those that wait for an answer have their turn, too."""
        for _ in range(100):
            if not self._socket.poll(timeout_ms):
                return
            timeout_ms = 0
            self._take(self._socket.recv_multipart())

    def _take(self, parts: list[bytes]) -> None:
        """Act on one message, if it is a call with the right token."""
        try:
            call = Call.model_validate_json(parts[-1])
        except ValidationError:
            self.n_malformed += 1
            return
        if len(parts) != 2 or not hmac.compare_digest(call.token.encode(), self._token.encode()):
            self.n_malformed += 1
            return
        status = self._desk.status()
        if call.do == "status":
            self._answer(parts[0], (True, status.notice))
        elif call.do == "mark":
            self._mark(parts[0], call, status)
        elif call.do == "next":
            self._next(parts[0], status)
        else:
            self._stop(parts[0], status)

    def _mark(self, sender: bytes, call: Call, status: TakeStatus) -> None:
        marker = Marker(call.t_ns or 0, call.label or "", call.source)
        t_s = (marker.t_ns - first_tick_ns(status)) / 1e9
        if marker not in status.markers:
            if (why_not := refusal(status, marker.t_ns, monotonic_ns())) is not None:
                self._answer(sender, (False, why_not))
                return
            if all(other.marker != marker for other in self._waiting):
                self._desk.mark(marker.label, source=marker.source, t_ns=marker.t_ns)

        def settled(now: TakeStatus) -> Verdict | None:
            if marker in now.markers:
                return True, "marked"
            if now.state not in RUNNING or now.session != status.session:
                return False, "the take ended before the mark was recorded"
            return None

        late = f"the master has not recorded the mark within {MARK_WITHIN_S:g} s; it may be lost"
        self._wait(_Waiting(sender, settled, time.monotonic() + MARK_WITHIN_S, late, marker, t_s))

    def _next(self, sender: bytes, status: TakeStatus) -> None:
        step = status.step
        if status.state != RECORDING or step is None:
            why_not = no_take(status) if status.state != RECORDING else "no step of a protocol runs"
            self._answer(sender, (False, why_not))
            return
        self._desk.ask(NextStep())

        def settled(now: TakeStatus) -> Verdict | None:
            if now.step is None or now.state != RECORDING:
                return True, "the last step is over, and with it the take"
            if now.step.number == step.number:
                return None
            return True, f"step {now.step.number + 1} of {now.step.n_steps}: {now.step.name}"

        late = f"the master has not begun the next step within {STEP_WITHIN_S:g} s"
        self._wait(_Waiting(sender, settled, time.monotonic() + STEP_WITHIN_S, late))

    def _stop(self, sender: bytes, status: TakeStatus) -> None:
        if status.state not in RUNNING:
            self._answer(sender, (False, no_take(status)))
            return
        if status.state != "closing":
            self._desk.ask(Stop())

        def settled(now: TakeStatus) -> Verdict | None:
            if now.state in RUNNING and now.session == status.session:
                return None
            return not now.notice_is_bad, now.notice or "stopped"

        late = f"the take has not ended within {STOP_WITHIN_S:g} s; look at what the master says"
        self._wait(_Waiting(sender, settled, time.monotonic() + STOP_WITHIN_S, late))

    def _wait(self, one: _Waiting) -> None:
        self._waiting.append(one)
        self._settle(time.monotonic())

    def _settle(self, now_s: float) -> None:
        """Answer the calls that have come true, and those that have waited until `now_s` in vain."""
        status = self._desk.status()
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            verdict = one.settled(status)
            if verdict is None and now_s < one.end_s:
                self._waiting.append(one)
            else:
                self._answer(one.sender, verdict or (False, one.late), one.t_s)

    def _answer(self, sender: bytes, verdict: Verdict, t_s: float | None = None) -> None:
        status = self._desk.status()
        answer = Answer(
            done=verdict[0],
            text=verdict[1],
            state=status.state,
            session=None if status.session is None else str(status.session),
            subject=status.subject,
            elapsed_s=status.elapsed_s,
            t_s=t_s,
        )
        try:
            self._socket.send_multipart([sender, answer.model_dump_json().encode()], zmq.NOBLOCK)
        except zmq.Again:  # whoever asked does not read its answers
            return


def first_tick_ns(status: TakeStatus) -> int:
    """Return when the take began, on the master's clock."""
    return status.now_ns - round(status.elapsed_s * 1e9)


def no_take(status: TakeStatus) -> str:
    """Return why there is no take to do anything with."""
    return f"no take is recording; the master is {status.state!r}"


def refusal(status: TakeStatus, t_ns: int, now_ns: int) -> str | None:
    """Return why a moment cannot be marked, or None if it can.

    Parameters
    ----------
    t_ns, now_ns : the moment and the present, on the master's clock
    """
    if status.state != RECORDING:
        return no_take(status)
    if t_ns > now_ns:
        return f"the moment lies {(t_ns - now_ns) / 1e9:.3f} s in the future"
    if t_ns < first_tick_ns(status):
        return f"the moment lies {(first_tick_ns(status) - t_ns) / 1e9:.3f} s before the take began"
    return None
