"""What an operator is guided to do while a take runs, as plain values: the page and the terminal show them.

Whoever guides lays a `Guide` on the desk; nothing here knows what is guided to (calibrate/guide does).
"""

from dataclasses import dataclass
from typing import Literal

from .streams import Stream

Sight = Literal["unseen", "moving", "still"]


@dataclass(frozen=True, slots=True)
class GuideCount:
    """How much of one kind there is, and how much is wanted; `wanted` 0 is only told."""

    label: str
    n: int
    wanted: int

    @property
    def enough(self) -> bool:
        """Whether no more is wanted."""
        return self.n >= self.wanted


@dataclass(frozen=True, slots=True)
class GuideCamera:
    """What one camera has of it.

    Attributes
    ----------
    name : of the camera, in words
    stream : over whose picture the cells lie
    cells : rows of a picture's cells, True where nothing is wanted any more
    counts : what else is counted
    sight : how the camera sees now what it is shown
    outline : (x, y) of the corners of what it sees, in shares [0, 1] of the picture; empty if unseen
    """

    name: str
    stream: Stream
    cells: tuple[tuple[bool, ...], ...] = ()
    counts: tuple[GuideCount, ...] = ()
    sight: Sight = "unseen"
    outline: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Guide:
    """What is to be done next, and what there is already.

    Attributes
    ----------
    hint : what to do now, one short sentence
    now : what becomes of what is done now, such as "hold it still"
    missing : all that is still wanted, the most wanted first
    enough : whether nothing is missing
    trouble : why the guide cannot see, or ""
    """

    hint: str
    now: str = ""
    missing: tuple[str, ...] = ()
    enough: bool = False
    cameras: tuple[GuideCamera, ...] = ()
    trouble: str = ""
