"""The table `[recorders.NAME.webcam]` of a rig file."""

from pydantic import Field

from ..config import StrictModel


class WebcamSettings(StrictModel):
    """Which webcam, and how it films.

    Attributes
    ----------
    device : its number, its path, or the address of a network camera
    width, height : pixels; None takes what the camera gives
    fps : frames a second that are asked for
    """

    device: int | str = 0
    width: int | None = Field(default=None, ge=16, le=16_384)
    height: int | None = Field(default=None, ge=16, le=16_384)
    fps: float = Field(default=30.0, gt=0, le=1000)
