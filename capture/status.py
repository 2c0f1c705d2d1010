"""What the operator sees: the state of a take and of each of its recorders, as plain values.

The master's loop makes them; the monitor page, the terminal view and the tests read them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

SILENT_S = 1.0
"""A recorder that sends its status four times a second is silent after this long without one."""
CAMERA_SILENT_S = 1.0
CLOCK_RESIDUAL_MS = 5.0
DISK_LEFT_S = 300.0
"""Less disk than this many seconds of recording is shown as a problem."""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """A recorder as its last status message tells it.

    Attributes
    ----------
    name, host, pid, camera : who, where, with what
    state : "absent" (never heard), "waiting" (no camera open), "open" (camera open, previews), "armed",
        "recording", "finished" (files closed)
    tick : the last settled tick, -1 before the first
    grabbed : frames that the camera delivered in this take
    kept, lost : moments stored; moments lost, by reason (see `RecorderRecord`)
    waiting : kept frames not yet stored
    silent_s : since it was last heard
    camera_silent_s : since its camera last delivered
    written_bytes : in this take
    bytes_per_s : of the take as measured so far, or as estimated before it; 0 where unknown
    disk_free_bytes : on the disk that it writes to; -1 where unknown
    disk_bytes_per_s : of all recorders that write to that disk; 0 where that is this one alone
    shares_disk_with : the names of the others
    tick_error_ms : signed time between the last kept frames and their ticks, mean of about a second
    clock_offset_ms, clock_residual_ms, round_trip_ms : of its clock against the master's; 0 where unmeasured
    n_pings : ping exchanges so far
    health : what the camera tells about itself, units in the names ("sensor_temperature_c")
    finished : its files are closed
    failed : it ended the take before the plan's end, of its own accord
    gone : why it will not come back, or ""
    n_malformed : messages that it had no use for
    files : names of the files it has closed
    complaints : what went wrong, one line each
    """

    name: str
    host: str = "127.0.0.1"
    pid: int = 0
    camera: str = ""
    state: str = "absent"
    tick: int = -1
    grabbed: int = 0
    kept: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    silent_s: float = 0.0
    camera_silent_s: float = 0.0
    written_bytes: int = 0
    bytes_per_s: float = 0.0
    disk_free_bytes: int = -1
    disk_bytes_per_s: float = 0.0
    shares_disk_with: tuple[str, ...] = ()
    tick_error_ms: float = 0.0
    clock_offset_ms: float = 0.0
    clock_residual_ms: float = 0.0
    round_trip_ms: float = 0.0
    n_pings: int = 0
    health: dict[str, float] = field(default_factory=dict)
    finished: bool = False
    failed: bool = False
    gone: str = ""
    n_malformed: int = 0
    files: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def n_lost(self) -> int:
        """Moments lost, for whatever reason."""
        return sum(self.lost.values())

    @property
    def disk_left_s(self) -> float | None:
        """Seconds of recording that the disk still takes from all who write to it; None where unknown."""
        rate = max(self.disk_bytes_per_s, self.bytes_per_s)
        return None if self.disk_free_bytes < 0 or rate <= 0 else self.disk_free_bytes / rate

    @property
    def problems(self) -> tuple[str, ...]:
        """What an operator must see in red, one line each."""
        found = []
        if self.gone:
            found.append(self.gone)
        elif self.silent_s > SILENT_S:
            found.append(f"silent for {self.silent_s:.1f} s")
        elif self.state in ("open", "armed", "recording") and self.camera_silent_s > CAMERA_SILENT_S:
            found.append(f"the camera has delivered nothing for {self.camera_silent_s:.1f} s")
        found += [f"{n} lost ({reason})" for reason, n in self.lost.items() if n]
        if (left_s := self.disk_left_s) is not None and left_s < DISK_LEFT_S:
            shared = f" shared with {', '.join(self.shares_disk_with)}" if self.shares_disk_with else ""
            found.append(f"disk{shared} full in {left_s / 60:.1f} min")
        if self.state in ("armed", "recording") and not self.n_pings:
            found.append("its clock was not measured")
        if self.n_pings and self.clock_residual_ms > CLOCK_RESIDUAL_MS:
            found.append(f"clock known to {self.clock_residual_ms:.1f} ms only")
        return (*found, *self.complaints)


def with_shared_disks(
    statuses: Iterable[RecorderStatus], disk_of: Mapping[str, str]
) -> tuple[RecorderStatus, ...]:
    """Return statuses that know who else writes to their disk, and how much all of them together.

    Parameters
    ----------
    disk_of : what tells disks apart, by recorder; "" where it is not known
    """
    statuses = tuple(statuses)
    users: dict[str, list[RecorderStatus]] = defaultdict(list)
    for one in statuses:
        users[disk_of.get(one.name, "")].append(one)
    found = []
    for one in statuses:
        disk = disk_of.get(one.name, "")
        sharing = users[disk] if disk else [one]
        others = tuple(other.name for other in sharing if other is not one)
        rate = sum(other.bytes_per_s for other in sharing)
        found.append(replace(one, disk_bytes_per_s=rate, shares_disk_with=others) if others else one)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment that somebody named.

    Attributes
    ----------
    t_ns : int, on the master's monotonic clock
    label : what happened
    source : who said so: "operator", "command", "protocol", "lsl", ...
    """

    t_ns: int
    label: str
    source: str = "operator"


@dataclass(frozen=True, slots=True)
class StepStatus:
    """Where the protocol stands: step `number` (0 ..) of `n_steps`, its name, and its seconds.

    `seconds` is None for a step that ends when the operator says so.
    """

    number: int
    n_steps: int
    name: str
    text: str = ""
    elapsed_s: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TakeStatus:
    """The take, or the pause between two takes.

    Attributes
    ----------
    state : "gathering" (recorders are looked for), "ready" (cameras open, previews run), "starting",
        "recording", "closing", "ended" (no further take will come)
    now_ns : int, the master's monotonic clock when this was true
    session : the folder of the take that runs or ran last
    subject : pseudonym
    tick, n_ticks : settled by all recorders; planned
    elapsed_s, seconds : of the take; seconds is its planned length
    skew_ms : between the recorders' last kept frames, as told live; the offline figure is the one to publish
    markers : of the take, oldest first
    step : where the protocol stands, if there is one
    beside : problems of what is recorded beside the cameras, one line each
    notice : the last thing worth telling: a refusal, or how the last take ended
    notice_is_bad : whether `notice` is about something that went wrong
    can_start : whether a take can be asked for
    """

    state: str = "gathering"
    now_ns: int = 0
    rig: str = ""
    session: Path | None = None
    subject: str = ""
    tick: int = -1
    n_ticks: int = 0
    elapsed_s: float = 0.0
    seconds: float = 0.0
    skew_ms: float | None = None
    recorders: tuple[RecorderStatus, ...] = ()
    markers: tuple[Marker, ...] = ()
    step: StepStatus | None = None
    beside: tuple[str, ...] = ()
    notice: str = ""
    notice_is_bad: bool = False
    can_start: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one line each, recorder named first."""
        return (*(f"{one.name}: {line}" for one in self.recorders for line in one.problems), *self.beside)
