"""The part of an explanation's page that holds the map against the pixels which follow the label."""

import numpy as np
from numpy.typing import NDArray

from ...report import Badge, Cell, Page, Picture, Prose, Scale, colored
from .explain import Explained, Looking
from .overlay import EVEN_TIMES, HEAT, enlarged
from .telling import FAINT, MOST, on_telling

WANTED_TIMES = 2.0
"""What the highest weight should reach, in multiples of chance, where it is known where a face tells."""
SIDE_PX = 192


def add_telling(page: Page, found: Explained, looking: Looking) -> None:
    """Show which pixels of each stream follow the labels, and how the map lies on them."""
    if not looking.tells:
        return
    page.section(
        "Does it look where the pixels follow the label?",
        "Each pixel taken alone, within each session: the share of its variance that it has in common with "
        f"the label. A pixel tells where that is at least {MOST:g} of the highest in its stream. No network "
        "is in this.",
    )
    n_frames = sum(one.n_frames for one in looking.sums)
    mean = np.sum([one.weight for one in looking.sums], axis=0) / n_frames
    rows: list[list[Cell]] = []
    for dimension, by_stream in looking.tells.items():
        pictures = [
            _heat(mean * mean.size / EVEN_TIMES, f"{looking.how}, mean", f"{EVEN_TIMES:g} times even")
        ]
        for stream, shares in by_stream.items():
            one = on_telling(looking.sums, shares)
            alt = f"Which pixels of {stream} follow {dimension}"
            pictures.append(_heat(shares / max(one.highest, 1e-9), stream, f"r² {one.highest:.2f}", alt=alt))
            rows.append([Prose(f"{dimension}: {stream}", _said(one.highest, one.area))])
            if one.area:
                rows[-1] += [f"{100 * one.area:.0f} %", str(one.weight), str(one.peaks)]
                rows[-1].append(_badge(one.peaks.value, simulated=found.simulated))
            else:
                rows[-1] += ["–"] * 4
        caption = "Mean over all frames, and r² of each pixel; all subjects"
        page.pictures(pictures, title=dimension, caption=caption, per_row=4)
    header = ["pixels that follow", "of the crop", "weight, times chance", "highest weight, times chance"]
    page.table([*header, "twice or more"], rows)
    if not found.simulated:
        page.note(
            "An association",
            "On real faces this says where pixels change together with the label, which light or a movement "
            "of the head can bring about too.",
        )


def _said(highest: float, area: float) -> str:
    return f"r² up to {highest:.2f}" + ("" if area else f", below {FAINT:g}: no pixel tells by itself")


def _badge(times: float, *, simulated: bool) -> Cell:
    if not simulated:  # nobody knows where a real face tells
        return "–"
    return Badge("yes", "good") if times >= WANTED_TIMES else Badge("no", "doubt")


def _heat(share: NDArray[np.floating], label: str, high: str, *, alt: str = "") -> Picture:
    """Return values from 0 to 1 (S, S) as a picture with its scale."""
    pixels = colored(np.clip(share, 0, 1), colormap=HEAT, low=0, high=1)
    factor = max(1, round(SIDE_PX / len(share)))
    return Picture(
        enlarged(pixels, factor), alt=alt or "Where the map lies", label=label, scale=Scale(HEAT, "0", high)
    )
