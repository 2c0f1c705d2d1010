"""A webcam or network camera as OpenCV reaches it: opened, set, read back, grabbed; for one thread at a time.

OpenCV is imported when a camera is opened. Every driver's calls come back by themselves: FFmpeg's and V4L2's
after the limits set here, those of Windows after theirs.
"""

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CameraError
from .webcam_pictures import START, Picture, whole_jpeg
from .webcam_refusal import why_no_pictures
from .webcam_settings import WebcamSettings, without_secrets

if TYPE_CHECKING:
    import cv2

OPEN_TIMEOUT_MS = 5_000
SILENT_S = 3
FPS_TOLERANCE = 0.02
DRIVERS_WITH_A_CLOCK = ("V4L2", "MSMF")
"""They tell when system or camera took a frame; FFmpeg counts MJPEG frames at a rate that it made up."""
ENVIRONMENT = {
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": str(SILENT_S),
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",
}
"""FFmpeg says nothing by itself; V4L2 waits no longer; Media Foundation opens in seconds, not in a minute."""
ADDRESS = ("http://", "https://", "rtsp://", "rtsps://")


@dataclass(frozen=True, slots=True)
class Told:
    """What a camera says of itself once it is open.

    Attributes
    ----------
    driver : OpenCV's name of the way to it
    fps : frames a second; 0 where it does not say, or nobody can know
    fourcc : how its pictures come
    controls : as read back
    """

    driver: str
    fps: float
    fourcc: str
    controls: dict[str, float]


def is_address(settings: WebcamSettings) -> bool:
    """Whether the camera is one of the network's."""
    return isinstance(settings.device, str) and settings.device.lower().startswith(ADDRESS)


def name_of(settings: WebcamSettings) -> str:
    """Return how the camera is called in messages and nodes: an address without its secrets."""
    device = settings.device
    return f"webcam {device}" if isinstance(device, int) else without_secrets(device)


class WebcamDevice:
    """An open camera.

    Parameters
    ----------
    explains : ask a network camera that gives no pictures why; not to be done again and again

    Raises
    ------
    CameraError
        It is absent, in use, not allowed, is no camera, or does not take what it is told.
    """

    def __init__(self, settings: WebcamSettings, *, explains: bool = True) -> None:
        self._settings = settings
        self._capture = _connect(settings, explains=explains)
        self._seen_jpeg = False
        try:
            self._as_jpeg = self._set()
            self.told = self._read_back()
        except BaseException:
            self._capture.release()
            raise

    def grab(self) -> bool:
        """Wait for the next frame; False when none came within a few seconds: the camera is gone."""
        return bool(self._capture.grab())

    def picture(self) -> Picture | None:
        """Return the frame that was grabbed; None where it could not be read.

        A driver that begins with no JPEG though it said so is asked for decoded pictures from then on.
        """
        import cv2

        read, picture = self._capture.retrieve()
        if not read or picture is None or picture.dtype != np.uint8:
            return None
        if not self._as_jpeg:
            return np.asarray(picture, np.uint8)
        jpeg = picture.tobytes()
        self._seen_jpeg = self._seen_jpeg or jpeg.startswith(START)
        if self._seen_jpeg:
            return whole_jpeg(jpeg)
        if self.told.driver != "FFMPEG":  # which cannot go back, and whose JPEGs are some
            self._as_jpeg = not self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
        return None

    def device_ns(self) -> int:
        """Return the time of the frame that was grabbed, on the driver's clock; 0 where it has none."""
        import cv2

        if self.told.driver not in DRIVERS_WITH_A_CLOCK:
            return 0
        return max(0, round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6))

    def close(self) -> None:
        """Let the camera go."""
        self._capture.release()

    def _set(self) -> bool:
        """Tell the camera what the settings say; return whether its own JPEGs come."""
        import cv2

        settings, capture = self._settings, self._capture
        mjpg = cv2.VideoWriter.fourcc(*"MJPG")
        if not is_address(settings):
            if settings.jpeg:
                capture.set(cv2.CAP_PROP_FOURCC, mjpg)
            if settings.width is not None:
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
            if settings.height is not None:
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
            if settings.fps is not None:
                capture.set(cv2.CAP_PROP_FPS, settings.fps)
        for name, value in settings.controls.items():
            if not capture.set(getattr(cv2, f"CAP_PROP_{name.upper()}"), value):
                raise CameraError(
                    f"controls.{name} = {value:g} was refused by the camera; leave it out, or try another "
                    f"value or driver: {name_of(settings)}"
                )
        if not settings.jpeg or int(capture.get(cv2.CAP_PROP_FOURCC)) != mjpg:
            return False
        if capture.getBackendName() == "FFMPEG":
            return bool(capture.set(cv2.CAP_PROP_FORMAT, -1))
        return bool(capture.set(cv2.CAP_PROP_CONVERT_RGB, 0))

    def _read_back(self) -> Told:
        """Return what the camera does now; raises CameraError if it is not what was wanted."""
        import cv2

        settings, capture = self._settings, self._capture
        for key, number in (("width", cv2.CAP_PROP_FRAME_WIDTH), ("height", cv2.CAP_PROP_FRAME_HEIGHT)):
            wanted, found = getattr(settings, key), round(capture.get(number))
            if wanted is not None and found != wanted:
                raise CameraError(
                    f"wanted a {key} of {wanted} pixels, the camera gives {found}; choose a size that it "
                    f"has: {name_of(settings)}"
                )
        fps = 0.0 if is_address(settings) else float(capture.get(cv2.CAP_PROP_FPS))
        fps = fps if math.isfinite(fps) and fps > 0 else 0.0
        wanted_fps = settings.fps
        if wanted_fps is not None and fps and abs(fps / wanted_fps - 1) > FPS_TOLERANCE:
            raise CameraError(
                f"wanted {wanted_fps:g} frames a second, the camera gives {fps:g} at this size; choose a "
                f"rate that it has: {name_of(settings)}"
            )
        controls = {
            name: float(capture.get(getattr(cv2, f"CAP_PROP_{name.upper()}"))) for name in settings.controls
        }
        fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFF_FFFF
        letters = fourcc.to_bytes(4, "little").decode("ascii", errors="replace")
        return Told(capture.getBackendName(), fps, letters if letters.isprintable() else "", controls)


def _connect(settings: WebcamSettings, *, explains: bool) -> "cv2.VideoCapture":
    """Return the camera, open; raises CameraError."""
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import cv2
    from cv2.utils import logging

    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # what goes wrong is told in one line, by us
    device = settings.device
    if isinstance(device, str) and not is_address(settings):
        _require_path(settings)
    drivers = {
        "v4l2": cv2.CAP_V4L2,
        "msmf": cv2.CAP_MSMF,
        "dshow": cv2.CAP_DSHOW,
        "avfoundation": cv2.CAP_AVFOUNDATION,
        "ffmpeg": cv2.CAP_FFMPEG,
    }
    usual = "ffmpeg" if is_address(settings) else "v4l2" if sys.platform == "linux" else None
    driver = settings.driver or usual
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        SILENT_S * 1000,
    ]
    try:
        capture = cv2.VideoCapture(
            device, drivers[driver] if driver else cv2.CAP_ANY, limits if driver == "ffmpeg" else []
        )
    except (cv2.error, ValueError) as error:
        told = str(error).replace(str(device), name_of(settings)).replace("\n", " ")
        raise CameraError(
            f"OpenCV refuses this camera ({told}): {name_of(settings)}"
        ) from None  # whose words hold the address, password and all
    if not capture.isOpened():
        raise CameraError(_why_not(settings, explains=explains))
    return capture


def _require_path(settings: WebcamSettings) -> None:
    """Raise CameraError unless the device is the path of something that may be a camera."""
    path = Path(str(settings.device))
    try:
        is_file, exists = path.is_file(), path.exists()
    except (OSError, ValueError):
        is_file, exists = False, False
    if is_file:
        raise CameraError(f'wanted a webcam, found a file; camera = "video" plays one: {path}')
    if not exists:
        raise CameraError(
            "wanted a webcam's number, path, or address (http, https, rtsp), found nothing there"
            f"{_others()}: {name_of(settings)}"
        )


def _why_not(settings: WebcamSettings, *, explains: bool) -> str:
    """Return one line on why the camera could not be opened, as far as can be told."""
    name, device = name_of(settings), settings.device
    if is_address(settings):
        return f"{why_no_pictures(str(device)) if explains else 'no pictures come from this address'}: {name}"
    if sys.platform != "linux":
        return f"could not open the webcam: it is absent, in use, or not allowed to this program: {name}"
    path = Path(f"/dev/video{device}") if isinstance(device, int) else Path(device)
    if not path.exists():
        return f"wanted a webcam, found none{_others()}: {name}"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"this user may not use the webcam; add them to the group of its file (video): {path}"
    return f"could not open the webcam: another program uses it, or it is no camera: {path}"


def _others() -> str:
    """Return which webcams there are instead, where the system tells."""
    if sys.platform != "linux":
        return ""
    found = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    return (
        f"; this machine has {', '.join(found)}" if found else "; this machine has none at all: plug one in"
    )
