"""What every camera looks like to a recorder: grab cheaply, retrieve the pixels of what is kept.

Like a frame grabber's grab/retrieve pair: a recorder drains every frame that the sensor makes, and pays
for decoding (or, in the simulated rig, for rendering) only those that the plan keeps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .streams import Frame, StreamSpec


@dataclass(frozen=True, slots=True)
class Capture:
    """One moment that a sensor delivered: its times, and a way to its pixels.

    Attributes
    ----------
    frame_id : int, the sensor's counter
    device_time_ns : int, exposure time on the sensor's clock
    host_time_ns : int, arrival on the recording machine's clock
    retrieve : returns one Frame per stream of the camera, with these times and flags; may take tens of
        milliseconds; called at most once, from any thread
    flags : what is special about it: "nuc", the camera corrected its detector (non-uniformity correction) and
        held the picture; "repeated", the same pixels as the moment before
    exposed_ns : int, when it was exposed, on the host's clock, where the camera's clock can be read beside it
    transport_ns : int, the least time from exposure to arrival, where the camera's clock can be read beside
        the host's; 0 where that is not known
    """

    frame_id: int
    device_time_ns: int
    host_time_ns: int
    retrieve: Callable[[], tuple[Frame, ...]]
    flags: tuple[str, ...] = ()
    exposed_ns: int | None = None
    transport_ns: int = 0


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The camera's clock, read between two moments of the host's.

    Attributes
    ----------
    device_ns : int, what the camera's clock said
    before_ns, after_ns : int, the host's monotonic clock before it was asked and after it had answered
    """

    device_ns: int
    before_ns: int
    after_ns: int


class Camera(Protocol):
    """One sensor (a Kinect is one, with three streams)."""

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams that `retrieve` returns, in that order."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second that the sensor makes by itself."""
        ...

    def open(self) -> None:
        """Claim the device and set its nodes; raises CameraError."""
        ...

    def start(self, first_tick_ns: int) -> None:
        """Start streaming. `first_tick_ns` (host clock) begins the plan and any simulated scene."""
        ...

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next frame; returns or raises after about `timeout_s`, whatever the driver does.

        Raises
        ------
        CameraGone
            The device has gone away and is being looked for; when it is back, frames come again, with ids
            that show how many are absent.
        CameraEnded
            There will be no more frames.
        CameraError
            None came in time.
        """
        ...

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the device's settings as read back, for the session's record."""
        ...

    def health(self) -> dict[str, float]:
        """Return what the device tells of itself now, units in the names ("sensor_temperature_c").

        Called once a second from the recorder's main thread while another grabs; must return at once.
        """
        ...

    def notices(self) -> tuple[str, ...]:
        """Return what is wrong with the device now and does not stop it, one line each; at once.

        A line stays the same word for word as long as it holds: each is told once.
        """
        ...

    def documents(self) -> dict[str, str]:
        """Return texts that belong to the recording, by file name ("genicam.xml"); known once it is open."""
        ...

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return what was read of the device's clock since the last call; at once."""
        ...

    def close(self) -> None:
        """Stop streaming and let the device go; harmless when called twice."""
        ...
