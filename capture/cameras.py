"""Which camera a recorder's settings ask for, and the clock that it lives by."""

from dataclasses import replace

from ..errors import ConfigError
from .camera import Camera, Capture, ClockReading
from .clock import Clock, MonotonicClock, SkewedClock, VirtualClock
from .flir_settings import FlirSettings
from .kinect_v2.settings import KinectSettings
from .now import monotonic_ns
from .recorder_settings import RecorderSettings
from .rig import Rig
from .streams import Frame, StreamSpec
from .webcam_settings import WebcamSettings


def make_camera(
    settings: RecorderSettings, *, rig: Rig, subject: str, seconds: float, clock: Clock
) -> Camera:
    """Return the camera of a recorder's settings, not yet open.

    Vendors' libraries are imported by the module of their camera alone, when it is wanted.
    """
    if settings.camera == "video":
        from .video_camera import VideoCamera

        if settings.path is None:
            raise ConfigError('camera = "video" needs a path')
        return VideoCamera(settings.path, clock=clock)
    if settings.camera == "kinect_v2":
        from .kinect_v2.drivers import make_kinect

        return make_kinect(settings.kinect_v2 or KinectSettings(), clock=clock)
    if settings.camera == "flir_a65":
        from .flir_a65 import FlirA65

        return FlirA65(settings.flir_a65 or FlirSettings(), clock=clock)
    if settings.camera == "webcam":
        from .webcam import WebcamCamera

        return WebcamCamera(settings.webcam or WebcamSettings(), clock=clock, decode=rig.color == "lossless")
    if settings.camera == "replay":
        from .replay import ReplayCamera

        if settings.replay is None:
            raise ConfigError('camera = "replay" wants a table "replay" with the session')
        return ReplayCamera(settings.replay, clock=clock, decode=rig.color == "lossless")
    if settings.camera == "simulated_a65" and rig.scene.wire:
        from .simulated.wired import WiredA65 as Simulated
    elif settings.camera == "simulated_a65":
        from .simulated.cameras import SimulatedA65 as Simulated
    else:
        from .simulated.cameras import SimulatedKinect as Simulated
    if isinstance(clock, SkewedClock):
        true = Simulated(rig.scene, subject=subject, seconds=seconds, clock=MonotonicClock())
        return SkewedCamera(true, clock)
    return Simulated(rig.scene, subject=subject, seconds=seconds, clock=clock)


def make_clock(rig: Rig, name: str) -> Clock:
    """Return the clock of the rig's recorder `name`: the machine's, a virtual one, or a wrong one."""
    if rig.is_virtual:
        return VirtualClock(monotonic_ns())
    skew = rig.recorders[name].skew
    if skew is None:
        return MonotonicClock()
    return SkewedClock(
        round(skew.offset_s * 1e9), skew.drift_ppm, step_at_s=skew.step_at_s, step_s=skew.step_s
    )


class SkewedCamera:
    """A camera of true time on a machine whose clock is wrong: arrivals are read from that clock."""

    def __init__(self, camera: Camera, clock: SkewedClock) -> None:
        self._camera = camera
        self._clock = clock

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams of the camera."""
        return self._camera.specs

    @property
    def fps(self) -> float:
        """Frames per second that the sensor makes by itself."""
        return self._camera.fps

    def open(self) -> None:
        """Open the camera."""
        self._camera.open()

    def start(self, first_tick_ns: int) -> None:
        """Start the camera, at a time of the wrong clock."""
        now_ns = monotonic_ns()
        self._camera.start(now_ns + first_tick_ns - self._clock.at(now_ns))

    def grab(self, timeout_s: float) -> Capture:
        """Return the next frame, its arrival read from the wrong clock."""
        capture = self._camera.grab(timeout_s)
        host_ns = self._clock.at(capture.host_time_ns)

        def retrieve() -> tuple[Frame, ...]:
            return tuple(replace(frame, host_time_ns=host_ns) for frame in capture.retrieve())

        exposed_ns = None if capture.exposed_ns is None else self._clock.at(capture.exposed_ns)
        return replace(capture, host_time_ns=host_ns, exposed_ns=exposed_ns, retrieve=retrieve)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the camera's settings."""
        return self._camera.nodes()

    def health(self) -> dict[str, float]:
        """Return what the camera tells of itself."""
        return self._camera.health()

    def notices(self) -> tuple[str, ...]:
        """Return what is wrong with the camera."""
        return self._camera.notices()

    def documents(self) -> dict[str, str]:
        """Return the camera's documents."""
        return self._camera.documents()

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return the camera's clock beside the wrong one."""
        return tuple(
            replace(one, before_ns=self._clock.at(one.before_ns), after_ns=self._clock.at(one.after_ns))
            for one in self._camera.clock_readings()
        )

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()
