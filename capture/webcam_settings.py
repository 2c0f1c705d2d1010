"""The table `[recorders.NAME.webcam]` of a rig file."""

from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, model_validator

from ..config import StrictModel

Control = Literal[
    "auto_exposure",
    "exposure",
    "gain",
    "autofocus",
    "focus",
    "auto_wb",
    "wb_temperature",
    "brightness",
    "contrast",
    "saturation",
    "sharpness",
    "gamma",
    "backlight",
    "zoom",
]
"""OpenCV's names of what a camera can be told: CAP_PROP_AUTO_EXPOSURE and so on."""


class WebcamSettings(StrictModel):
    """Which webcam, and how it films.

    Attributes
    ----------
    device : its number, its absolute path (Linux has some that stay the same wherever it is plugged in), or
        the address (http, https, rtsp) of a network camera
    width, height : pixels; None takes what the camera gives
    fps : frames a second; None takes what the camera gives, and measures that of a network camera
    jpeg : take the camera's own JPEGs, where it makes some, undecoded and as they are
    driver : by which of OpenCV's ways it is reached; None takes the usual one of the platform
    controls : what it is told beside that, in the driver's numbers, such as { autofocus = 0, focus = 30 }
    """

    device: Annotated[int, Field(ge=0, le=255)] | Annotated[str, Field(min_length=1, max_length=2048)] = 0
    width: int | None = Field(default=None, ge=16, le=16_384)
    height: int | None = Field(default=None, ge=16, le=16_384)
    fps: float | None = Field(default=None, gt=0, le=1000)
    jpeg: bool = True
    driver: Literal["v4l2", "msmf", "dshow", "avfoundation", "ffmpeg"] | None = None
    controls: dict[Control, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_both_sides(self) -> "WebcamSettings":
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height want each other: a camera has sizes, not sides")
        return self

    def without_secrets(self) -> "WebcamSettings":
        """Return these settings as they may be stored and shown; see `without_secrets`."""
        if isinstance(self.device, int):
            return self
        return self.model_copy(update={"device": without_secrets(self.device)})


def without_secrets(device: str) -> str:
    """Return an address without user, password and query, where secrets stand; a path as it is."""
    scheme, found, _ = device.partition("://")
    if not found:
        return device
    try:
        parts = urlsplit(device)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
    except ValueError:  # no address at all, such as one with half a pair of brackets
        return f"{scheme}://..."
