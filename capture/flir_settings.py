"""The table `[recorders.NAME.flir_a65]` of a rig file."""

from typing import Literal

from pydantic import Field

from ..config import StrictModel


class FlirSettings(StrictModel):
    """How a FLIR A65 is reached and set.

    Attributes
    ----------
    cti : absolute path of the GenTL producer on the recorder's machine; without it MAVFER_GENTL_CTI, then the
        folders of GENICAM_GENTL64_PATH, then the project's own (`mavfer gentl build`)
    serial : which camera; needed where the producer sees several
    address : the camera's address, asked directly, where broadcasts do not reach it; the project's own
        producer only
    packet_size_bytes : of what the camera sends, at most what the whole path takes; without it the producer's
        own choice, and 1500 where none of those frames arrives whole
    resend : ask for lost packets again
    linear : the resolution of the camera's own temperatures, 0.04 K ("high", to 382 °C) or 0.4 K ("low");
        "off" stores raw signals, and the constants of Planck's law with them
    gain : "high" is the fine range, -25 to 135 °C, "low" reaches 550 °C (A65 datasheet)
    nuc : correct the detector right before each take and not within it, or whenever the camera wants
    warm_up_min : minutes from power-on until its readings are steady; a notice says so until then. Counted
        on the camera's own clock, which GigE Vision starts at power-on, or else from when it was opened
    swap_bytes : whether the camera sends its pixels' high bytes first; without it the first pictures are
        looked at, and one that seems to is refused
    nodes : further GenICam nodes to set, by name; each must exist and take its value
    """

    cti: str | None = Field(default=None, min_length=1)
    serial: str | None = Field(default=None, min_length=1, max_length=64)
    address: str | None = Field(default=None, pattern=r"^\d{1,3}(\.\d{1,3}){3}$", examples=["192.168.5.20"])
    packet_size_bytes: int | None = Field(default=None, ge=576, le=16_110)
    resend: bool = True
    linear: Literal["high", "low", "off"] = "high"
    gain: Literal["high", "low"] = "high"
    nuc: Literal["before_take", "automatic"] = "before_take"
    warm_up_min: float = Field(default=10.0, ge=0, le=120)
    swap_bytes: bool | None = None
    nodes: dict[str, bool | int | float | str] = Field(default={}, max_length=64)
