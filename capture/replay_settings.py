"""The table `[recorders.NAME.replay]` of a rig file; replay.py itself reads sessions, and so rigs."""

from pathlib import Path

from ..config import StrictModel


class ReplaySettings(StrictModel):
    """Which recorded session is played as if it were filmed now.

    Attributes
    ----------
    session : its folder, relative to the rig file
    recorder : which of its recorders; None where it has one alone
    """

    session: Path
    recorder: str | None = None
