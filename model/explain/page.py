"""The page of an explanation: its order, its opening, and where the network looks. Errors: page_errors.py."""

from collections.abc import Sequence

import numpy as np

from ...report import Cell, Page, Picture, Scale, Share
from ..evaluation.bootstrap import ABOUT_LIMITS
from . import page_errors
from .deletion import DRAWN, GRID, N_DRAWS, ORDERS, area_of, better_by
from .drawing import ORDER_NAMES, draw_deletion
from .explain import Explained, Looking, clip_map
from .intervals import MIN_SUBJECTS
from .overlay import EVEN_TIMES, HEAT, overlay, strip
from .page_telling import add_telling
from .regions import FACE, REGIONS, times_chance
from .written import Written

N_SHOWN = 8
N_CLIPS = 2
NEARLY_EVEN = 1.5
"""A map whose highest weight is below that many times the mean tells places hardly apart."""


def explanation_page(found: Explained, written: Written) -> Page:
    """Return the page of what was found; `written` names the files beside it."""
    record = found.run.record
    where = f"{found.split} subjects" + ("" if found.fold is None else f", fold {found.fold}")
    page = Page(
        f"{record.model}: what it goes by, and how far to believe it",
        f"{record.config.size} size, {record.n_parameters / 1e6:.2f} M parameters; {where}",
        mark="simulated" if found.simulated else "",
    )
    page.tiles(page_errors.headline(found))
    if len({one.subject for one in found.sessions}) < MIN_SUBJECTS:
        page.note(
            "Few subjects",
            f"Intervals over subjects want at least {MIN_SUBJECTS} of them; here they are left out, and "
            "single figures say little about other people.",
        )
    if found.looking is not None:
        add_looking(page, found, found.looking, written)
        add_telling(page, found, found.looking)
        add_regions(page, found, found.looking)
        add_deletion(page, found.looking)
    page_errors.add_reliability(page, found)
    page_errors.add_subjects(page, found)
    page_errors.add_groups(page, found)
    page_errors.add_told_right(page, found)
    add_worst(page, found)
    add_limits(page, found)
    return page


def add_looking(page: Page, found: Explained, looking: Looking, written: Written) -> None:
    """Show where the network looks over a clip of each of two sessions (the paper's Fig. 10)."""
    source = "its own attention" if looking.how == "attention" else "the gradient of its scores, times input"
    page.section(
        "Where it looks",
        f"By {source}: dark is little, bright is {EVEN_TIMES:g} times an even share or more.",
    )
    for clip in _shown_clips(found):
        session = found.session_of(clip)
        n_frames = found.source.options.n_frames
        crops = session.read("color", clip.start, clip.start + n_frames)
        times = session.read("time_s", clip.start, clip.start + n_frames)
        maps = clip_map(found, clip)
        picked = np.linspace(0, n_frames - 1, min(N_SHOWN, n_frames)).astype(int)
        page.strips(
            [
                ("", [f"{t:.1f} s" for t in times[picked]]),
                ("color", Picture(strip(list(crops[picked])), alt=f"Crops of {session.subject}")),
                (
                    looking.how,
                    Picture(
                        strip(list(overlay(crops[picked], maps[picked]))),
                        alt=f"Where the network looks on {session.subject}",
                        scale=Scale(HEAT, "0", f"{EVEN_TIMES:g} times an even share"),
                    ),
                ),
            ],
            title=session.id,
        )
    if written.films:
        page.note("As films", f"Beside this page: {', '.join(written.films)}.")
    if written.without_films:
        page.note("No films", written.without_films)


def add_regions(page: Page, found: Explained, looking: Looking) -> None:
    """Compare the share of the map on each part of the face with the part's area."""
    page.section(
        "Parts of the face",
        "The share of the map on each part over the share of the crop that it covers: 1 is what a map has "
        "that knows nothing. Parts are drawn around the 68 landmarks of every frame.",
    )
    if not looking.shares:
        page.note("No landmarks", "No frame of these sessions has landmarks, so parts cannot be told apart.")
        return
    header = ["part", "of the crop", "of the map", "times chance", "highest weight, times chance"]
    rows = [[name, *_region_cells(looking, (name,))] for name in reversed(REGIONS)]
    rows.append(["all of the face", *_region_cells(looking, FACE)])
    n_frames = sum(one.n_frames for one in looking.shares)
    seen = (
        f"{len(found.clips)} clips that overlap, {n_frames} frames in all, of {len(looking.shares)} subjects"
    )
    page.table(header, rows, caption=seen)
    highest = sum(one.highest for one in looking.shares) / n_frames
    if highest < NEARLY_EVEN:
        page.note(
            "The map is nearly even",
            f"Its highest weight is {highest:.2f} times an even share, on average: where that lies says "
            "little, whatever the multiples of chance.",
        )


def add_deletion(page: Page, looking: Looking) -> None:
    """Compare blanking by the map with blanking in other orders."""
    deletion = looking.deletion
    page.section(
        "Does it go by what it looks at?",
        f"Cells of a {GRID} x {GRID} grid are blanked in all streams, the highest weight first (deletion), "
        "or shown in that order on a blank crop (insertion). A map that says what the network goes by moves "
        "the prediction sooner than other orders, and brings it back sooner.",
    )
    page.plot(
        lambda figure: draw_deletion(figure, deletion),
        alt="How far the prediction moves as cells are blanked, and as they are shown, in four orders",
        size_in=(10.5, 3.4),
        caption=f"Mean over {len(deletion.subjects)} clips; drawn orders are means of {N_DRAWS} draws.",
    )
    rows = []
    for order in ORDERS:
        row = [ORDER_NAMES[order]]
        for kind in ("deletion", "insertion"):
            row.append(str(area_of(deletion, kind, order)))
            row.append("" if order == "map" else str(better_by(deletion, kind, order)))
        rows.append(row)
    header = ["order", "deletion area", "the map has more", "insertion area", "the map has less"]
    known = len(set(deletion.subjects)) >= MIN_SUBJECTS
    limits = "; intervals of 95 % over subjects" if known else ""
    page.table(header, rows, caption=f"Mean way from the untouched prediction{limits}")
    if not all(better_by(deletion, "deletion", order).value > 0 for order in DRAWN):
        page.note(
            "The map does not say what it goes by",
            "Blanking by the map moves the prediction no more than blanking at random.",
        )


def add_worst(page: Page, found: Explained) -> None:
    """Show the clips that the network gets most wrong."""
    page.section(
        "Worst clips",
        "The largest errors, at most two of a session. What was true and said: the clip's mean.",
    )
    for one in found.worst:
        session = found.session_of(one.clip)
        n_frames = found.source.options.n_frames
        crops = session.read("color", one.clip.start, one.clip.start + n_frames)
        picked = np.linspace(0, n_frames - 1, min(N_SHOWN, n_frames)).astype(int)
        rows: list[tuple[str, Picture | Sequence[str]]] = [
            ("color", Picture(strip(list(crops[picked])), alt=f"Crops of {session.subject}"))
        ]
        if found.looking is not None:
            over = overlay(crops[picked], clip_map(found, one.clip)[picked])
            alt = f"Where the network looks on {session.subject}"
            rows.append((found.looking.how, Picture(strip(list(over)), alt=alt)))
        words = "; ".join(
            f"{name} {one.predicted[name]:+.2f}, true {one.truth[name]:+.2f}" for name in one.predicted
        )
        start_s = float(session.read("time_s", one.clip.start, one.clip.start + 1)[0])
        title = f"{session.id} from {start_s:.1f} s: error {one.error:.2f}"
        page.strips(rows, title=title, caption=words)


def add_limits(page: Page, found: Explained) -> None:
    """Close with what such figures cannot show."""
    page.section("What this does not show")
    words = [
        "A map says where weights are, not why. Blanked crops are pictures that the network never saw in "
        "training, so part of what moves is strangeness itself; the shifted map is as strange as the map.",
        "Errors of groups with few subjects are errors of these subjects.",
        f"In brackets stand {ABOUT_LIMITS}.",
    ]
    if found.simulated:
        words.insert(0, "These faces are computed: nothing here was found on a person.")
    page.note("Limits", *words)


def _region_cells(looking: Looking, regions: Sequence[str]) -> list[Cell]:
    one = times_chance(looking.shares, regions)
    return [
        f"{100 * one.area:.1f} %",
        Share(one.share, f"{100 * one.share:.1f} %"),
        str(one.weight),
        str(one.peaks),
    ]


def _shown_clips(found: Explained) -> list:
    """Return the clip of each of the first sessions in which the truth changes most."""
    picked = []
    for number in sorted({clip.session for clip in found.clips})[:N_CLIPS]:
        own = [clip for clip in found.clips if clip.session == number]
        labels = found.source.labels[number]
        n_frames = found.source.options.n_frames

        def change(clip, labels=labels, n_frames=n_frames) -> float:
            part = labels[clip.start : clip.start + n_frames]
            return float(np.nan_to_num(np.ptp(part, axis=0), nan=0.0).sum()) if part.size else 0.0

        picked.append(max(own, key=change))
    return picked
