"""Lab Streaming Layer (extra `[lsl]`): its settings, its clock, the master's ticks and markers as streams.

lsl_recorder.py records the streams of others, lsl_samples.py is how they lie in the session.
"""

import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Annotated

from pydantic import AfterValidator, Field

from ...config import StrictModel
from ...errors import RecordError
from ..now import monotonic_ns
from ..status import Marker
from ..trigger import Plan

TICKS = "mavfer-ticks"
MARKERS = "mavfer-markers"
LOOKED_AT = 5
QUIET = "[log]\nlevel = -3\n"


def _predicate(text: str) -> str:
    """Refuse what liblsl would take in silence and never match."""
    depth, quote, before = 0, "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        else:
            depth += (sign in "([") - (sign in ")]")
            if depth < 0 or sign + before == "==":
                break
        before = sign
    else:
        if not quote and depth == 0 and text.isprintable():
            return text
    raise ValueError("wanted an XPath predicate like \"type='EEG'\" (one '=', quotes and brackets closed)")


Predicate = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_predicate)]


class LslSettings(StrictModel):
    """The `[lsl]` table of a rig file.

    Attributes
    ----------
    publish : the master's ticks and markers as the streams "mavfer-ticks" and "mavfer-markers"
    record : which streams on the network are recorded beside the cameras: XPath predicates, as in
        "type='EEG'" or "name='gaze' and hostname='eyetracker'"
    require : refuse a take while a predicate of `record` matches no stream
    """

    publish: bool = False
    record: tuple[Predicate, ...] = Field(default=(), max_length=16)
    require: bool = False

    @property
    def wanted(self) -> bool:
        """Whether pylsl is needed at all."""
        return self.publish or bool(self.record)


def load_pylsl() -> ModuleType:
    """Return the module pylsl, its library found and, unless the lab has configured it, quiet.

    Raises
    ------
    RecordError
        It is not installed, or its library does not load.
    """
    try:
        import pylsl
    except (ImportError, OSError, RuntimeError) as error:  # the last two: the library, not the package
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecordError(
            f"Lab Streaming Layer wants pylsl, could not import it; run `pip install 'mavfer[lsl]'`: {reason}"
        ) from error
    configured = (Path("lsl_api.cfg"), Path.home() / "lsl_api/lsl_api.cfg", Path("/etc/lsl_api/lsl_api.cfg"))
    if "LSLAPICFG" not in os.environ and not any(file.is_file() for file in configured):
        pylsl.set_config_content(QUIET)  # its log would stand in the middle of the terminal view
    return pylsl


def lsl_ahead_s(pylsl: ModuleType) -> float:
    """Return how many seconds LSL's clock on this machine is ahead of the monotonic clock.

    The tightest of a few looks; good to some microseconds.
    """
    looks = []
    for _ in range(LOOKED_AT):
        before_ns = monotonic_ns()
        lsl_s = pylsl.local_clock()
        after_ns = monotonic_ns()
        looks.append((after_ns - before_ns, lsl_s - (before_ns + after_ns) / 2e9))
    return min(looks)[1]


class LslPublisher:
    """Ticks and markers as LSL streams, for the life of a master; used by one thread.

    "mavfer-ticks" carries each tick's number at the tick's time, "mavfer-markers" each marker's label at its
    time, and the begin and the end of each take. A virtual rig has no times to publish.
    """

    def __init__(self, rig: str) -> None:
        self._pylsl = load_pylsl()
        self.source_ids = tuple(f"{name}-{rig}" for name in (TICKS, MARKERS))
        self._ticks = self._outlet(TICKS, "Ticks", self._pylsl.cf_int32, self.source_ids[0])
        self._markers = self._outlet(MARKERS, "Markers", self._pylsl.cf_string, self.source_ids[1])
        self._changed = threading.Condition()
        self._plan: Plan | None = None
        self._next = 0
        self._session = ""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="lsl ticks", daemon=True)
        self._thread.start()

    def begin(self, session: str, plan: Plan, *, tick: int = 0) -> None:
        """Publish a take from its tick number `tick` on.

        Parameters
        ----------
        session : the take's name
        plan : on this machine's monotonic clock
        """
        self._say(f"take {session} begins", plan.tick_ns(tick))
        with self._changed:
            self._plan, self._next, self._session = plan, tick, session
            self._changed.notify_all()

    def mark(self, marker: Marker) -> None:
        """Publish a marker."""
        self._say(marker.label, marker.t_ns)

    def end(self) -> None:
        """Publish no more ticks; harmless when no take runs."""
        with self._changed:
            ended, self._plan = self._plan, None
            self._changed.notify_all()
        if ended is not None:
            self._say(f"take {self._session} ends", monotonic_ns())

    def close(self) -> None:
        """End the take and the streams; harmless when called twice."""
        self.end()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _outlet(self, name: str, kind: str, form: int, source_id: str) -> object:
        return self._pylsl.StreamOutlet(
            self._pylsl.StreamInfo(name, kind, 1, self._pylsl.IRREGULAR_RATE, form, source_id)
        )

    def _say(self, text: str, t_ns: int) -> None:
        self._markers.push_sample([text], t_ns / 1e9 + lsl_ahead_s(self._pylsl))  # type: ignore[attr-defined]

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closing:
                    return
                plan, tick = self._plan, self._next
                if plan is None or tick >= plan.n_ticks:
                    self._changed.wait()
                    continue
                t_ns = plan.tick_ns(tick)
                if (left_ns := t_ns - monotonic_ns()) > 0:
                    self._changed.wait(left_ns / 1e9)
                    continue
                self._next += 1
            self._ticks.push_sample([tick], t_ns / 1e9 + lsl_ahead_s(self._pylsl))  # type: ignore[attr-defined]
