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
    retrieve : returns one Frame per stream of the camera, with these times; may take tens of milliseconds;
        called at most once, from any thread
    """

    frame_id: int
    device_time_ns: int
    host_time_ns: int
    retrieve: Callable[[], tuple[Frame, ...]]


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
        """Wait for the next frame; raises CameraError when none came in time."""
        ...

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the device's settings as read back, for the session's record."""
        ...

    def health(self) -> dict[str, float]:
        """Return what the device tells of itself now, units in the names ("sensor_temperature_c").

        Called once a second from the recorder's main thread while another grabs; must return at once.
        """
        ...

    def close(self) -> None:
        """Stop streaming and let the device go; harmless when called twice."""
        ...
