"""The table `[recorders.NAME.flir_a65]` of a rig file."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from ..config import StrictModel


class FlirSettings(StrictModel):
    """How a FLIR A65 is reached and set.

    Attributes
    ----------
    cti : absolute path of the GenTL producer; None takes MAVFER_GENTL_CTI, GENICAM_GENTL64_PATH, then ours
    serial : of several cameras on one network
    address : asked by unicast, where broadcasts do not reach the camera; our own producer only
    packet_size_bytes : None leaves it to producer and camera
    resend : ask for lost packets again
    linear : resolution of the camera's own temperatures, 0.04 K ("high") or 0.4 K; "off" stores raw signals
    gain : "high" reaches 135 °C, "low" 550 °C
    nuc : correct the detector before each take, or whenever the camera wants
    warm_up_min : younger cameras drift; until then a notice says so
    """

    cti: Path | None = None
    serial: str | None = None
    address: str | None = None
    packet_size_bytes: int | None = Field(default=None, ge=576, le=16_110)
    resend: bool = True
    linear: Literal["high", "low", "off"] = "high"
    gain: Literal["high", "low"] = "high"
    nuc: Literal["before_take", "automatic"] = "before_take"
    warm_up_min: float = Field(default=10.0, ge=0, le=120)
