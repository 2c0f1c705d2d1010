"""A Kinect v2 as a camera like the others, whatever its driver: color, depth and infrared of one moment.

Tried with stand-ins for the drivers' lowest layers only; none was ever run with a sensor.
"""

from ...errors import CameraError
from ..camera import Capture, ClockReading
from ..clock import Clock
from ..streams import COLOR_1080P, Frame, StreamSpec
from . import feed as feeding
from .driver import FPS, Driver
from .factory import FILE_NAME
from .feed import Feed, Numbered
from .light import NOTICE as LOW_LIGHT
from .pictures import SPECS, pictures_of


class KinectCamera:
    """One Kinect v2.

    All pictures of a moment carry one time: the sensor's for depth. Pixels are converted when a moment is
    retrieved, not when it is grabbed (about 2 ms).

    Parameters
    ----------
    driver : not open
    clock : stamps arrivals
    gone_s, reopen_s, retry_s : see `Feed`
    open_s : how long `open` waits for the first picture
    """

    def __init__(
        self,
        driver: Driver,
        *,
        clock: Clock,
        gone_s: float = feeding.GONE_S,
        reopen_s: float = feeding.REOPEN_S,
        retry_s: float = feeding.RETRY_S,
        open_s: float = feeding.OPEN_S,
    ) -> None:
        self._driver, self._clock = driver, clock
        self._gone_s, self._reopen_s, self._retry_s, self._open_s = gone_s, reopen_s, retry_s, open_s
        self._feed: Feed | None = None

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """Color, depth, infrared."""
        return SPECS

    @property
    def fps(self) -> float:
        """Moments per second that a Kinect v2 makes in good light: 30."""
        return FPS

    def open(self) -> None:
        """Open the driver, and wait for the sensor's first picture; raises CameraError."""
        if self._feed is not None:
            return
        feed = Feed(
            self._driver,
            clock=self._clock,
            gone_s=self._gone_s,
            reopen_s=self._reopen_s,
            retry_s=self._retry_s,
        )
        feed.open(self._open_s)
        self._feed = feed

    def start(self, first_tick_ns: int) -> None:  # noqa: ARG002 - a sensor films what there is
        """Begin anew with the moments that come from now on; raises CameraError when it is not open."""
        self._opened.forget()

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next moment.

        Raises
        ------
        CameraGone
            The sensor is silent, unplugged, or its driver broke; it is being looked for.
        CameraError
            No moment came in time, or the camera is not open.
        """
        numbered = self._opened.next(timeout_s)
        flags = ("repeated",) if numbered.repeated else ()

        def retrieve() -> tuple[Frame, ...]:
            return self._frames(numbered)

        return Capture(
            numbered.frame_id,
            numbered.moment.device_time_ns,
            numbered.host_time_ns,
            retrieve,
            flags=flags,
        )

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the driver, the serial number where it is told, and whether its pictures are mirrored."""
        nodes: dict[str, str | int | float | bool] = {
            "driver": self._driver.name,
            "fps": FPS,
            "mirrored_by_driver": self._driver.mirrored,
        }
        feed = self._feed
        if feed is not None:
            if feed.facts.serial is not None:
                nodes["serial"] = feed.facts.serial
            nodes |= feed.facts.nodes
        return nodes

    def health(self) -> dict[str, float]:
        """Return the rate of color, what was lost on the way, and the color camera's exposure and gain."""
        feed = self._feed
        if feed is None:
            return {}
        found = {
            "frames_per_s": round(feed.color_rate.frames_per_s, 2),
            "frames_dropped": float(feed.n_dropped),
            "frames_with_wrong_time": float(feed.n_refused),
            "times_reopened": float(feed.n_reopened),
            **self._driver.health(),
        }
        latest = feed.latest
        if latest is not None and latest.exposure_ms is not None:
            found["exposure_ms"] = latest.exposure_ms
        if latest is not None and latest.gain is not None:
            found["gain"] = latest.gain
        return found

    def notices(self) -> tuple[str, ...]:
        """Return whether the light is low, and what the driver cannot do."""
        feed = self._feed
        if feed is None:
            return ()
        return (*((LOW_LIGHT,) if feed.color_rate.halved else ()), *feed.facts.notices)

    def documents(self) -> dict[str, str]:
        """Return the sensor's factory calibration, where the driver tells it."""
        feed = self._feed
        factory = None if feed is None else feed.facts.factory
        return {} if factory is None else {FILE_NAME: factory.to_json()}

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return none: no driver reads the sensor's clock but with a picture."""
        return ()

    def close(self) -> None:
        """Stop streaming and let the sensor go; harmless when called twice."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()

    @property
    def _opened(self) -> Feed:
        if self._feed is None:
            raise CameraError("wanted an opened camera, found a closed one; call open() first: a Kinect v2")
        return self._feed

    def _frames(self, numbered: Numbered) -> tuple[Frame, ...]:
        pictures = pictures_of(numbered.moment, mirrored=self._driver.mirrored)
        return tuple(
            Frame(
                spec.stream,
                pixels,
                numbered.moment.device_time_ns,
                numbered.host_time_ns,
                numbered.frame_id,
                flags=("repeated",) if numbered.repeated and spec is COLOR_1080P else (),
            )
            for spec, pixels in zip(SPECS, pictures, strict=True)
        )
