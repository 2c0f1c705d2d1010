"""One LSL stream connected and recorded in a thread of its own, and the tape that all of them write to.

liblsl can hang in a call that has a timeout (measured: a sender stopped with samples under way), so nobody
waits for a stream's thread: it is given up, and a stream that comes back gets a new one.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ..mcap_file import Channel
from ..now import monotonic_ns
from ..payload import EVENTS, encode_json
from .publisher import lsl_ahead_s
from .samples import Add, StreamForm, pack_samples, publish_time_ns

SILENT_S = 2.0
GATHER_S = 0.05
MAX_SAMPLES = 4096
CORRECT_EVERY_S = 2.0
OPEN_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class LslStatus:
    """An LSL stream as the operator sees it.

    Attributes
    ----------
    topic, name, kind, host : which stream
    state : "opening", "connected", "silent" (it has a rate and has delivered nothing for 2 s, or it has none
        and answers nobody), "lost"
    n_samples : recorded in this take
    """

    topic: str
    name: str
    kind: str
    host: str
    state: str
    n_samples: int

    @property
    def problem(self) -> str:
        """What an operator must see in red, or ""."""
        return f"LSL stream {self.name!r} is {self.state}" if self.state in ("silent", "lost") else ""


class Tape:
    """Where samples and events go while a take runs; between takes they are dropped."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._lock = threading.Lock()
        self._add: Add | None = None

    def load(self, add: Add | None, streams: "Sequence[StreamThread]") -> None:
        """Begin with what is known about the streams, or end."""
        with self._lock:
            self._add = add
            if add is None:
                return
            self.complaints.clear()
            for stream in streams:
                stream.n_samples = 0
                for channel, table, now_ns in stream.known:
                    self._put(channel, encode_json(table), now_ns, now_ns, stream.connection)

    def add(self, channel: Channel, payload: bytes, *, log_ns: int, publish_ns: int, sequence: int) -> bool:
        """Write a message if a take runs, and say whether it was."""
        with self._lock:
            return self._put(channel, payload, log_ns, publish_ns, sequence)

    def tell(self, text: str) -> None:
        """Write an event."""
        now_ns = monotonic_ns()
        table: dict[str, object] = {"t_ns": now_ns, "kind": "lsl", "text": text}
        self.add(EVENTS, encode_json(table), log_ns=now_ns, publish_ns=now_ns, sequence=0)

    def complain(self, text: str) -> None:
        """Write an event that the operator sees, too."""
        self.tell(text)
        self.complaints.append(text)

    def _put(self, channel: Channel, payload: bytes, log_ns: int, publish_ns: int, sequence: int) -> bool:
        if self._add is None:
            return False
        try:
            self._add(channel, payload, log_ns=log_ns, publish_ns=publish_ns, sequence=sequence)
        except OSError as error:
            self._add = None  # a full disk stays full, and the cameras need what is left of it
            self.complaints.append(f"LSL streams are no longer recorded: {error.strerror or error}")
            return False
        return True


class StreamThread:
    """One connection to one stream.

    Attributes
    ----------
    uid : of the sender; a sender that was started anew has another
    connection : 0 for the first that was opened, one more for each after it
    opened : whether it was ever connected
    known : the stream's description and its newest correction, for takes that begin later
    """

    def __init__(
        self, pylsl: ModuleType, info: Any, form: StreamForm, tape: Tape, before: "StreamThread | None"
    ) -> None:
        self.form = form
        self.uid = info.uid()
        self.connection = 0 if before is None else before.connection + before.opened
        self.opened = False
        self.state = "opening" if before is None else before.state
        self.n_samples = 0 if before is None else before.n_samples
        self.known: tuple[tuple[Channel, dict[str, object], int], ...] = ()
        self._pylsl = pylsl
        self._info = info
        self._tape = tape
        self._last_ns = monotonic_ns()
        self._over_ns: int | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name=form.topic, daemon=True)
        self._thread.start()

    @property
    def over_s(self) -> float:
        """For how long the connection has been over; 0 while it is not."""
        return 0.0 if self._over_ns is None else (monotonic_ns() - self._over_ns) / 1e9

    def status(self) -> LslStatus:
        """Return what the operator sees."""
        form = self.form
        return LslStatus(form.topic, form.name, form.kind, form.host, self.state, self.n_samples)

    def is_now(self, info: Any) -> bool:
        """Whether a stream that has just been found is this one come back."""
        if self._over_ns is None and (self.state != "silent" or info.uid() == self.uid):
            return False
        return form_of(self._pylsl, info, number=self.form.number, topic=self.form.topic) == self.form

    def leave(self) -> None:
        """Record nothing of it any more."""
        self._left.set()

    def look(self, *, answers: bool) -> None:
        """Tell when the stream falls silent and when it speaks again; called every quarter of a second."""
        quiet = monotonic_ns() - self._last_ns > SILENT_S * 1e9
        silent = quiet and (self.form.nominal_hz > 0 or not answers)
        if self.state == "connected" and silent:
            self.state = "silent"
            self._tape.complain(f"stream {self.form.name!r} is silent")
        elif self.state == "silent" and not silent:
            self.state = "connected"
            self._tape.tell(f"stream {self.form.name!r} is back")

    def _run(self) -> None:
        try:
            inlet = self._open()
            due_s = 0.0
            while not self._left.is_set():
                if time.monotonic() >= due_s:
                    self._correct(inlet)
                    due_s = time.monotonic() + CORRECT_EVERY_S
                values, stamps = inlet.pull_chunk(timeout=GATHER_S, max_samples=MAX_SAMPLES, as_numpy=True)
                if len(stamps):
                    self._take(values, np.asarray(stamps, np.float64))
        except RuntimeError as error:  # pylsl's own are its children
            if not self._left.is_set() and self.state != "lost":
                self.state = "lost"
                self._tape.complain(f"stream {self.form.name!r} is lost ({str(error).rstrip('.')})")
            self._over_ns = monotonic_ns()

    def _open(self) -> Any:
        inlet = self._pylsl.StreamInlet(self._info, recover=False)
        inlet.open_stream(timeout=OPEN_TIMEOUT_S)
        self._know(self.form.info, {"xml": inlet.info(timeout=OPEN_TIMEOUT_S).as_xml()})
        self._last_ns = monotonic_ns()
        self.opened = True
        self.state = "connected"
        what = "is there" if self.connection == 0 else "is back"
        self._tape.tell(f"stream {self.form.name!r} of {self.form.host!r} {what}")
        return inlet

    def _take(self, values: np.ndarray, stamps_s: np.ndarray) -> None:
        now_ns = monotonic_ns()
        self._last_ns = now_ns
        if self._left.is_set():
            return
        if self._tape.add(
            self.form.samples,
            pack_samples(stamps_s, values),
            log_ns=now_ns,
            publish_ns=publish_time_ns(float(stamps_s[0])),
            sequence=self.connection,
        ):
            self.n_samples += len(stamps_s)

    def _correct(self, inlet: Any) -> None:
        """Measure the stream's clock against LSL's on this machine; the first time takes half a second."""
        try:
            correction_s = inlet.time_correction(timeout=OPEN_TIMEOUT_S)
        except self._pylsl.util.TimeoutError:
            self._tape.tell(f"stream {self.form.name!r} does not answer questions about its clock")
            return
        if inlet.was_clock_reset():
            self._tape.complain(f"stream {self.form.name!r} has a new clock")
        ahead_s = lsl_ahead_s(self._pylsl)
        now_ns = monotonic_ns()
        self._know(self.form.clock, {"t_ns": now_ns, "correction_s": correction_s, "lsl_ahead_s": ahead_s})

    def _know(self, channel: Channel, table: dict[str, object]) -> None:
        """Keep a table for takes that begin later, and write it if one runs."""
        now_ns = monotonic_ns()
        self.known = (*(one for one in self.known if one[0].id != channel.id), (channel, table, now_ns))
        payload = encode_json(table)
        self._tape.add(channel, payload, log_ns=now_ns, publish_ns=now_ns, sequence=self.connection)


def form_of(pylsl: ModuleType, info: Any, *, number: int, topic: str) -> StreamForm:
    """Return the form of a stream that was found, under a number and a topic of the master's."""
    dtypes = {
        pylsl.cf_float32: "float32",
        pylsl.cf_double64: "float64",
        pylsl.cf_string: "string",
        pylsl.cf_int8: "int8",
        pylsl.cf_int16: "int16",
        pylsl.cf_int32: "int32",
        pylsl.cf_int64: "int64",
    }
    return StreamForm(
        number=number,
        topic=topic,
        name=info.name(),
        kind=info.type(),
        host=info.hostname(),
        source_id=info.source_id(),
        dtype=dtypes[info.channel_format()],
        n_channels=info.channel_count(),
        nominal_hz=info.nominal_srate(),
    )
