"""The thread that drives a Kinect's driver, so that a recorder never waits for longer than it asked to.

It opens the driver, reads every moment, numbers it and puts it into a bounded queue; where the sensor falls
silent or its driver breaks, it says so, and opens the driver again until moments come.
"""

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from ...errors import CameraError, CameraGone, MavferError
from ..clock import Clock
from .driver import PERIOD_NS, Driver, Facts, Moment
from .light import Rate
from .numbering import Numbering

OPEN_S = 20.0
"""A cold Kinect makes its first picture 1 to 3 s after it was opened (kinect-next's documentation)."""
READ_S = 0.2
GONE_S = 2.0
REOPEN_S = 8.0
"""Silence after which the driver is opened again; longer than a cold start, or none would ever end."""
RETRY_S = 1.0
HANG_S = 20.0
"""A driver that does not come back for so long while its sensor is gone, hangs; to open may take seconds."""
CLOSE_S = 5.0
QUEUE_MOMENTS = 30
"""A second of them; 280 MB with color of four bytes."""
FACTS_MOMENTS = 60
"""For so many moments a sensor may take to tell its factory calibration."""
REMEDY = "is it plugged into a USB 3 port, and has it power?"
GONE = "the Kinect is gone ({why}) and is looked for; {remedy}"
NONE = "wanted a picture of the Kinect within {timeout_s:g} s, found none ({why}); {remedy}"
WRONG_TIMES = "its times are not to be believed"
HANGS = "the Kinect's driver hangs; if it does not come back, unplug the sensor and start the recorder again"
_HUNG: dict[str, threading.Thread] = {}
"""By a driver's name, the thread that hung in its library when the feed was closed, and may do so still."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A moment, its id, when it came, and whether its color is that of the moment before."""

    moment: Moment
    frame_id: int
    host_time_ns: int
    repeated: bool


class Feed:
    """Moments of one driver, from `open` to `close`. Made anew for each opening.

    Parameters
    ----------
    clock : stamps arrivals
    gone_s, reopen_s, retry_s : silence after which the sensor counts as gone, and after which its driver is
        opened again; pause between attempts to open it
    """

    def __init__(
        self,
        driver: Driver,
        *,
        clock: Clock,
        gone_s: float = GONE_S,
        reopen_s: float = REOPEN_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self.color_rate = Rate()
        self.facts = Facts(None)
        """Known after `open`."""
        self.latest: Moment | None = None
        """The last that came; for its exposure."""
        self.n_dropped = 0
        """Moments that were not taken in time; counted when the next is taken, so that resting costs none."""
        self.n_reopened = 0
        self._driver, self._clock = driver, clock
        self._gone_s, self._reopen_s, self._retry_s = gone_s, reopen_s, retry_s
        self._numbering, self._rate = Numbering(), Rate()
        self._queue: deque[Numbered] = deque()
        self._n_overflowed = 0  # since the last that was taken
        self._changed = threading.Condition()
        self._ready = False
        self._why = ""
        """Why the sensor is gone; "" while it is there."""
        self._refusal: CameraError | None = None
        self._ending = threading.Event()
        self._n_asked = 0
        self._reopened = False
        self._beat_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="kinect", daemon=True)

    @property
    def n_refused(self) -> int:
        """Moments whose time was not believed."""
        return self._numbering.n_refused

    def open(self, timeout_s: float = OPEN_S) -> None:
        """Open the driver, and wait for the first moment and the sensor's facts.

        Raises
        ------
        CameraError
            The driver cannot open the sensor, nothing came of it in time, or the driver hangs in this process
            since another feed was closed: no second thread may call its library.
        """
        hung = _HUNG.get(self._driver.name)
        if hung is not None and hung.is_alive():
            raise CameraError(HANGS)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._refusal is not None, timeout_s)
            refusal, ready, why = self._refusal, self._ready, self._why
        if ready:
            return
        self.close()
        if refusal is not None:
            raise refusal
        raise CameraError(NONE.format(timeout_s=timeout_s, why=why or "its driver is silent", remedy=REMEDY))

    def forget(self) -> None:
        """Empty the queue, and count anew what nobody takes: what comes next is new."""
        with self._changed:
            self._queue.clear()
            self.n_dropped = self._n_overflowed = 0

    def next(self, timeout_s: float) -> Numbered:
        """Wait for the next moment; raises CameraGone or CameraError after `timeout_s` at the latest."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._why or self._ending.is_set(), timeout_s)
            if self._queue:
                self.n_dropped += self._n_overflowed
                self._n_overflowed = 0
                return self._queue.popleft()
            hung_s = HANG_S if self._why else self._gone_s + READ_S
            if time.monotonic() - self._beat_s > hung_s and not self._ending.is_set():
                raise CameraGone(HANGS)
            if self._why:
                raise CameraGone(GONE.format(why=self._why, remedy=REMEDY))
        if self._ending.is_set():
            raise CameraError("wanted an opened camera, found a closed one: a Kinect v2")
        raise CameraError(f"no frame came within {timeout_s:g} s: a Kinect v2")

    def close(self) -> None:
        """End the thread, which closes the driver; one that hangs is left to itself, and noted."""
        self._ending.set()
        with self._changed:
            self._queue.clear()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                _HUNG[self._driver.name] = self._thread

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._driver.open()
                self._stream()
            except MavferError as error:
                self._lose(str(error), error)
            except Exception as error:  # a driver's surprise is an outage like any other
                self._lose(" ".join(f"{type(error).__name__}: {error}".split()), error)
            with suppress(Exception):  # what it fails at is of no use to anybody now
                self._driver.close()
            self._beat_s = time.monotonic()
            self._ending.wait(self._retry_s)

    def _stream(self) -> None:
        """Read until the end, or until silence calls for opening the driver again."""
        if self._ready:
            self.n_reopened += 1
            self._numbering.begin_anew()
            self._reopened = True
        heard_s = time.monotonic()
        while not self._ending.is_set():
            moment = self._driver.read(READ_S)
            self._beat_s = time.monotonic()
            if moment is not None and self._take(moment):
                heard_s = self._beat_s
                continue
            silent_s = self._beat_s - heard_s
            if silent_s > min(self._gone_s, self._reopen_s):
                if moment is None:
                    self._lose(self._driver.silence(), None)
                else:
                    self._lose(WRONG_TIMES, CameraError(WRONG_TIMES))
            if silent_s > self._reopen_s:
                return

    def _lose(self, why: str, error: Exception | None) -> None:
        """The sensor is gone: whoever waits learns of it. An error before any moment ends the opening."""
        with self._changed:
            if not self._why:
                self.color_rate.begin_anew()
                self._rate.begin_anew()
            if error is not None or not self._why:  # of mere silence an error tells more
                self._why = why
            if error is not None and not self._ready:
                self._refusal = error if isinstance(error, CameraError) else CameraError(why)
            self._changed.notify_all()

    def _take(self, moment: Moment) -> bool:
        """Put a moment into the queue; return whether its time is believed."""
        host_time_ns = self._clock.now_ns()
        self._ask_facts()
        period_ns = (2 if self._rate.halved else 1) * PERIOD_NS
        number = self._numbering.place(moment.device_time_ns, host_time_ns, period_ns=period_ns)
        if number is None:
            return False
        self._rate.add(moment.device_time_ns)
        repeated = not self.color_rate.add(moment.color_time_ns)
        self.latest = moment
        with self._changed:
            self._why = ""
            self._queue.append(Numbered(moment, number, host_time_ns, repeated))
            if len(self._queue) > QUEUE_MOMENTS:
                self._queue.popleft()
                self._n_overflowed += 1
            self._ready = self._ready or self._knows_enough()
            self._changed.notify_all()
        return True

    def _ask_facts(self) -> None:
        """Learn what the sensor tells of itself; it may take its time, and may be another when it is back."""
        if self._knows_enough() and not self._reopened:
            return
        self._n_asked += 1
        facts = self._driver.facts()
        wanted, found = self.facts.serial, facts.serial
        if self._reopened and None not in (wanted, found) and wanted != found:
            raise CameraError(f"another came back: wanted serial {wanted!r}, found {found!r}")
        if not self._reopened:
            self.facts = facts
        self._reopened = False

    def _knows_enough(self) -> bool:
        return self.facts.factory is not None or self._n_asked >= FACTS_MOMENTS
