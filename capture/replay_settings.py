"""The table `[recorders.NAME.replay]` of a rig file; replay.py itself reads sessions, and so rigs."""

from pathlib import Path
from typing import Literal

from ..config import StrictModel


class ReplaySettings(StrictModel):
    """Which recorded session is played as if it were filmed now.

    Attributes
    ----------
    session : its folder, relative to the rig file
    recorder : which of its recorders; None takes the one of the same name, or the only one with frames
    pace : "real" as fast as it was filmed, "fast" as fast as it can be read and stored (a virtual clock)
    """

    session: Path
    recorder: str | None = None
    pace: Literal["real", "fast"] = "real"
