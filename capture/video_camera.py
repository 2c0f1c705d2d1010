"""A video file that plays as if it were filmed now: a color camera that needs no hardware."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import CameraEnded, CameraError, MavferError, SessionError
from .camera import Capture, ClockReading
from .clock import Clock
from .streams import Frame, Stream, StreamSpec
from .video import Video, VideoPicture


class VideoCamera:
    """A video file that plays once, from the plan's first tick on, as if it were filmed now."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._video: Video | None = None
        self._pictures: Iterator[VideoPicture] = iter(())
        self._begin_ns = 0
        self._n_grabbed = 0

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """One color stream of the video's own size."""
        return (self._opened().spec,)

    @property
    def fps(self) -> float:
        """The average frame rate that the file states."""
        return self._opened().fps

    def open(self) -> None:
        """Open the file; raises CameraError if it is no video."""
        try:
            self._video = Video(self._path)
        except SessionError as error:
            raise CameraError(str(error)) from error

    def start(self, first_tick_ns: int) -> None:
        """Show the first picture at `first_tick_ns`, also when the file has played before."""
        if self._n_grabbed:
            self._opened().close()
            self.open()
        self._begin_ns = first_tick_ns
        self._n_grabbed = 0
        self._pictures = self._opened().pictures()

    def grab(self, timeout_s: float) -> Capture:  # noqa: ARG002 - the file says how long it takes
        """Wait for the next picture's time, however long; raises CameraError when the file has ended."""
        try:
            picture = next(self._pictures, None)
        except MavferError as error:
            raise CameraError(str(error)) from error
        if picture is None:
            raise CameraEnded(f"the video has ended after {self._n_grabbed} frames: {self._path}")
        self._n_grabbed += 1
        host_ns = self._begin_ns + picture.t_ns
        self._clock.wait_until_ns(host_ns)
        frame_id = self._n_grabbed

        def retrieve() -> tuple[Frame, ...]:
            return (Frame(Stream.COLOR, picture.pixels(), picture.t_ns, host_ns, frame_id),)

        return Capture(frame_id, picture.t_ns, host_ns, retrieve)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return what the file tells of itself."""
        return self._opened().nodes()

    def health(self) -> dict[str, float]:
        """A file tells nothing of itself."""
        return {}

    def notices(self) -> tuple[str, ...]:
        """Nothing is ever wrong with a file that opened."""
        return ()

    def documents(self) -> dict[str, str]:
        """Nothing belongs to it but its pictures."""
        return {}

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """A file has no clock."""
        return ()

    def close(self) -> None:
        """Let the file go."""
        if self._video is not None:
            self._video.close()
            self._video = None

    def _opened(self) -> Video:
        if self._video is None:
            raise CameraError(f"wanted an open camera, found one that is closed: {self._path}")
        return self._video
