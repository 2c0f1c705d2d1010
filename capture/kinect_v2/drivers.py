"""Which driver reaches the Kinect: the one that is asked for, or the first that this machine has."""

import sys
from collections.abc import Callable
from importlib import import_module

from ...errors import CameraError
from ..clock import Clock
from .camera import KinectCamera
from .driver import GUIDE, Driver, DriverAbsent, windows_only
from .settings import KinectSettings

DRIVERS: dict[str, tuple[str, ...]] = {
    "kinect_next": ("win32",),
    "pykinect2": ("win32",),
    "libfreenect2": ("linux", "darwin", "win32"),
}
"""In the order in which they are tried, and the platforms (`sys.platform`) where it is worth it."""
INSTALL = {
    "win32": f"install Microsoft's Kinect for Windows SDK 2.0 and `pip install 'mavfer[record]'`: {GUIDE}",
    "linux": f"build libfreenect2 and pylibfreenect2: {GUIDE}",
    "darwin": f"build libfreenect2 and pylibfreenect2: {GUIDE}",
}


def make_kinect(settings: KinectSettings, *, clock: Clock) -> KinectCamera:
    """Return the Kinect v2 that the settings ask for, not yet open.

    Raises
    ------
    CameraError
        The driver asked for, or every one of this platform, lacks its library; says what to install.
    """
    return KinectCamera(choose_driver(settings), clock=clock)


def choose_driver(settings: KinectSettings, *, platform: str = sys.platform) -> Driver:
    """Return the driver named in the settings, or the first of the platform's whose library is there."""
    remedy = INSTALL.get(platform, "use Windows, Linux or macOS")
    if settings.driver is not None:
        try:
            return _maker(settings.driver)(settings)
        except DriverAbsent as error:
            told = remedy if platform in DRIVERS[settings.driver] else windows_only(platform)
            raise DriverAbsent(
                f"wanted the Kinect driver {settings.driver!r}, found {error}; {told}"
            ) from error
    tried = []
    for name, platforms in DRIVERS.items():
        if platform not in platforms:
            continue
        try:
            return _maker(name)(settings)
        except CameraError as error:
            tried.append(f"{name} ({error})")
    raise CameraError(
        f"wanted a driver for the Kinect v2, found none on {platform}: tried {', '.join(tried) or 'none'}; "
        f"{remedy}"
    )


def _maker(name: str) -> Callable[[KinectSettings], Driver]:
    """Return `make_driver` of a driver's module, which raises CameraError where its library is absent."""
    return import_module(f".{name}", __package__).make_driver
