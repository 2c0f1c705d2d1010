"""What stands before the simulated rig: the settings that, with a subject and a length, fix every pixel."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from ...config import StrictModel
from ...errors import ConfigError
from ..board import Board


class SceneSettings(StrictModel):
    """The `[simulated]` table of a rig file.

    Attributes
    ----------
    target : a face that acts, or the calibration board, moved through a calibration programme
    seed : fixes curves, noise and clock offsets; another seed is another take
    light : how much of full room light there is; below 1 color gets darker and noisier
    clock : "real" delivers frames at their own times, "virtual" as fast as they render
    fps : frames per second that each simulated sensor makes by itself
    board : the board, as `mavfer board print` names it: 9x6x25mm, charuco-7x5x36mm, ...
    hold_s : how long the board is held still at each of its places
    wire : the A65 is a GigE Vision device on loopback, filmed with the driver of the real one (Linux; wants a
        GenTL producer, which `mavfer gentl build` makes)
    """

    target: Literal["face", "board"] = "face"
    seed: int = Field(default=0, ge=0, lt=2**31)
    light: float = Field(default=1.0, ge=0.05, le=1.0)
    clock: Literal["real", "virtual"] = "real"
    fps: float = Field(default=30.0, ge=1.0, le=120.0)
    board: str = "9x6x25mm"
    hold_s: float = Field(default=0.45, ge=0.2, le=10.0)
    wire: bool = False

    @model_validator(mode="after")
    def _wire_is_real(self) -> "SceneSettings":
        if self.wire and self.clock == "virtual":
            raise ValueError('wire = true wants clock = "real": no wire is faster than time')
        return self

    @field_validator("board")
    @classmethod
    def _board_can_be_made(cls, text: str) -> str:
        try:
            Board.parse(text)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return text
