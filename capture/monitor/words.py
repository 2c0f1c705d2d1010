"""What the operator reads, in words: states, times, bytes, health. The page and the terminal share it."""

from dataclasses import dataclass
from pathlib import Path

from ..status import Marker, RecorderStatus, TakeStatus

STATES = {
    "gathering": ("GATHERING", "looking for recorders"),
    "ready": ("READY", "cameras open, nothing is recorded"),
    "starting": ("STARTING", "the first frame is about to come"),
    "recording": ("RECORDING", ""),
    "closing": ("CLOSING", "files are being written to their ends"),
    "ended": ("ENDED", "no further take will come"),
}
"""State of a take -> the word to show large, and what it means."""
RUNNING = ("starting", "recording")
NONE = "\N{EN DASH}"
UNITS = {
    "c": "\N{DEGREE SIGN}C",
    "k": "K",
    "percent": "%",
    "fps": "fps",
    "hz": "Hz",
    "ms": "ms",
    "us": "\N{MICRO SIGN}s",
    "s": "s",
    "mm": "mm",
    "v": "V",
    "a": "A",
    "w": "W",
    "mb": "MB",
    "rpm": "rpm",
}
"""Last word of a health value's name -> its unit."""


@dataclass(frozen=True, slots=True)
class Row:
    """One recorder in words; `health` holds (label, value) pairs, `problems` is empty when all is well."""

    name: str
    where: str
    state: str
    grabbed: str
    kept: str
    lost: str
    waiting: str
    disk: str
    clock: str
    trip: str
    tick_error: str
    heard: str
    health: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def recorder_row(one: RecorderStatus) -> Row:
    """Return a recorder's line in words."""
    heard = one.state != "absent"
    clock, trip = clock_words(one)
    return Row(
        name=plain(one.name),
        where=plain(" ".join(filter(None, (one.camera, f"on {one.host}" if one.host else "")))),
        state=plain(one.state),
        grabbed=f"{one.grabbed:,}" if heard else NONE,
        kept=f"{one.kept:,}" if heard else NONE,
        lost=str(one.n_lost) if heard else NONE,
        waiting=str(one.waiting) if heard else NONE,
        disk=disk_words(one),
        clock=clock,
        trip=trip,
        tick_error=signed(f"{one.tick_error_ms:+.1f} ms") if heard else NONE,
        heard=f"{one.silent_s:.1f} s ago" if heard else "never",
        health=tuple(health_words(name, value) for name, value in one.health.items()),
        problems=tuple(plain(line) for line in one.problems),
    )


def time_words(seconds: float) -> str:
    """Return "03:12", or "1:03:12" from an hour on; whole seconds, cut off, never below zero."""
    whole = max(0, int(seconds))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"


def left_words(seconds: float) -> str:
    """Return the time that is left, rounded up, so that it shows 00:00 only when nothing is left."""
    return time_words(-(-max(0.0, seconds) // 1))


def disk_words(one: RecorderStatus) -> str:
    """Return how long the disk still takes recording, or how much it holds where the rate is unknown.

    The minutes of a disk that several recorders write to are those that it takes all of them.
    """
    if (left_s := one.disk_left_s) is not None:
        shared = ", shared" if one.shares_disk_with else ""
        return (f"{left_s / 60:,.0f} min" if left_s >= 600 else f"{left_s / 60:.1f} min") + shared
    return f"{one.disk_free_bytes / 1e9:,.1f} GB" if one.disk_free_bytes >= 0 else NONE


def clock_words(one: RecorderStatus) -> tuple[str, str]:
    """Return a clock's offset with how well it is known, and the round trip to it."""
    if not one.n_pings:
        return "not measured", NONE
    offset = one.clock_offset_ms
    size = signed(f"{offset:+.2f} ms" if abs(offset) < 1000 else f"{offset / 1000:+,.3f} s")
    return f"{size} \N{PLUS-MINUS SIGN} {one.clock_residual_ms:.2f} ms", f"{one.round_trip_ms:.2f} ms"


def health_words(name: str, value: float) -> tuple[str, str]:
    """Return ("sensor temperature", "41.2 °C") for ("sensor_temperature_c", 41.2)."""
    words = name.split("_")
    unit = UNITS.get(words[-1].lower(), "") if len(words) > 1 else ""
    label = " ".join(words[:-1] if unit else words)
    number = f"{value:.1f}" if (isinstance(value, float) and not value.is_integer()) or unit else f"{value:g}"
    return plain(label), f"{number} {unit}".rstrip()


def skew_words(status: TakeStatus) -> str:
    """Return the skew between the recorders, or a dash."""
    return NONE if status.skew_ms is None else f"{status.skew_ms:.1f} ms"


class TakeStart:
    """Remembers when the take began on the master's clock, so that its markers keep their times after it."""

    def __init__(self) -> None:
        self._session: Path | None = None
        self._start_ns: int | None = None

    def update(self, status: TakeStatus) -> None:
        """Look at a new status."""
        if status.session != self._session:
            self._session, self._start_ns = status.session, None
        if self._start_ns is None and status.state == "recording" and status.elapsed_s > 0:
            self._start_ns = status.now_ns - round(status.elapsed_s * 1e9)

    def words(self, marker: Marker) -> str:
        """Return a marker's time in the take; a dash where its beginning was not seen."""
        if self._start_ns is None:
            return NONE
        return time_words((marker.t_ns - self._start_ns) / 1e9)


def plain(words: str) -> str:
    """Return words without what steers a terminal: control characters become a mark."""
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in words
    )


def signed(number: str) -> str:
    """Return a number with a minus sign instead of a hyphen."""
    return number.replace("-", "\N{MINUS SIGN}", 1)
