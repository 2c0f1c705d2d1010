"""A calibration as one page: what it says, how far to trust it, and how it looks in pictures.

The sections stand here in their order; what is drawn is computed and drawn in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from ...errors import ConfigError
from ...report import Page
from ..calibration import Calibration
from ..solver.gates import calibration_warnings
from . import arrows, coverage_maps, ellipses, lens, rig, tables
from .arrows import CameraResiduals, residuals_of
from .axes import MOST_DRAWN
from .moments import Moment, add_session

WIDE_IN = 9.0
WORST_VIEWS = 8


def calibration_page(
    calibration: Calibration,
    moments: Sequence[Moment] = (),
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Page:
    """Return the page of a calibration.

    Takes about 4 s, and 1 s more per moment.

    Parameters
    ----------
    calibration : of any origin; what its file does not hold is named as missing
    moments : of recorded sessions, as `moments.find_moment` returns them
    on_progress : called with the parts drawn and their number: each section with plots, and each moment
    """
    mark = "simulated" if any(moment.simulated for moment in moments) else ""
    page = Page(f"Calibration of the rig {calibration.rig!r}", tables.subtitle(calibration), mark=mark)
    page.tiles(tables.tiles(calibration))
    warnings = calibration_warnings(calibration)
    page.note("In words", *tables.verdict(calibration, warnings))
    _add_numbers(page, calibration)
    cameras = [one for name in calibration.cameras if (one := _residuals(calibration, name)) is not None]
    parts: list[Callable[[], None]] = [
        lambda: _add_residuals(page, calibration, cameras),
        lambda: _add_coverage(page, calibration),
        lambda: _add_rig(page, calibration),
        lambda: _add_certainty(page, calibration),
        lambda: _add_lenses(page, calibration),
        *(partial(add_session, page, calibration, moment) for moment in moments),
    ]
    for number, add in enumerate(parts):
        if on_progress is not None:
            on_progress(number, len(parts))
        add()
    if not moments:
        page.section("Through the calibration")
        page.note(
            "No session was given",
            "With --session SESSION the page also shows epipolar curves and what depth, temperature and "
            "infrared look like laid over color: a recording of a board or of a face, by the same rig.",
        )
    return page


def _residuals(calibration: Calibration, camera: str) -> CameraResiduals | None:
    try:
        return residuals_of(calibration, camera)
    except ConfigError:  # an imported file may name a board in words
        return None


def _add_numbers(page: Page, calibration: Calibration) -> None:
    page.section(
        "The numbers",
        "Plus and minus is the 95 % interval that the corners leave (1.96 standard deviations)."
        if calibration.uncertainty
        else "Without uncertainties: this calibration states none.",
    )
    header, rows = tables.intrinsics_table(calibration)
    page.table(header, rows, caption="Each camera alone: focal length, middle, lens, field of view")
    header, rows = tables.poses_table(calibration)
    page.table(
        header,
        rows,
        caption="Where the other cameras stand: seen from the color camera, x to the right, y down, z ahead",
    )
    header, rows = tables.depth_table(calibration)
    page.table(header, rows, caption="True depth = scale x reading + shift")


def _add_residuals(page: Page, calibration: Calibration, cameras: Sequence[CameraResiduals]) -> None:
    page.section(
        "What is left over",
        "The solved geometry predicts where every corner of the board should appear; residuals are how far "
        "from there it was found.",
    )
    for residuals in cameras:
        n_far = int(arrows.far_off(residuals).sum())
        n_out = int((~residuals.used).sum())
        most = MOST_DRAWN
        thinned = f", {most} of them drawn" if len(residuals.error_px) > most else ""
        page.plot(
            lambda figure, one=residuals: arrows.draw_arrows(figure, one),
            alt=f"Residuals of the {residuals.camera} camera as arrows over its picture",
            size_in=(WIDE_IN, 3.6 if residuals.size_px[0] > 1.5 * residuals.size_px[1] else 4.6),
            caption=f"{len(residuals.error_px)} corners of {len(residuals.views)} pictures"
            f"{thinned}; arrows run from the predicted to the found place. They should point everywhere at "
            "random: a common direction in one part of the picture means a lens that the model does not "
            f"describe, a bent board, or one that moved. Amber: {n_far} corners more than "
            f"{arrows.FAR_OFF:g} times the rms off. "
            f"Gray: {n_out} pictures left out.",
        )
    bars = tables.view_bars(calibration)
    if not bars:
        page.note("No views in this file", tables.why_no_corners(calibration))
        return
    page.plot(
        lambda figure: arrows.draw_rms_per_view(figure, bars),
        alt="Root mean square residual of every view, a bar per view and camera",
        size_in=(WIDE_IN, 1.6 * len(bars) + 0.8),
        caption="Rms of every picture of the board. One high bar: the board moved, or the picture is "
        "blurred. Hatched: left out of the solution; a number stands at a bar that is cut.",
    )
    header, rows = tables.worst_views(calibration, n_views=WORST_VIEWS)
    page.table(header, rows, caption="The pictures that fit worst for their camera, left out ones first")
    if cameras:
        page.plot(
            lambda figure: arrows.draw_by_radius(figure, cameras),
            alt="Residuals against the distance from the middle of the picture",
            size_in=(WIDE_IN, 2.8),
            caption="Residuals against the distance from the picture's middle, each point an eighth of the "
            "corners. The rms should stay level; a mean outward error away from zero toward the rim means "
            "that distortion is not fully described there.",
        )
    else:
        page.note("No residual arrows", tables.why_no_corners(calibration))


def _add_coverage(page: Page, calibration: Calibration) -> None:
    page.section(
        "Where the boards were", "A geometry is known where boards were, and extrapolated elsewhere."
    )
    try:
        boards = [
            one
            for name in calibration.cameras
            if (one := coverage_maps.boards_of(calibration, name)) is not None
        ]
        gaps = coverage_maps.still_missing(calibration)
    except ConfigError:
        boards, gaps = [], ()
    if not boards:
        page.note("No coverage maps", tables.why_no_corners(calibration))
        return
    page.plot(
        lambda figure: coverage_maps.draw_coverage(figure, boards),
        alt="Corners over the cells of each camera's picture, tilts and distances of the boards",
        size_in=(WIDE_IN, 2.75 * len(boards)),
        caption="Left: every corner; cells of the picture without one are amber. Middle: how the boards were "
        "tilted; those in the gray square (below 15 degrees both ways) say little about the focal length. "
        "Right: their distance; dashed lines at 0.7 and 1 m.",
    )
    if gaps:
        page.note("What the boards left out, for the next time", *gaps)
    else:
        page.note("Nothing is missing", "Every camera saw boards everywhere, tilted each way, near and far.")


def _add_rig(page: Page, calibration: Calibration) -> None:
    page.section("The rig in space", "To scale, in millimetres, in the frame of the color camera.")
    with_boards = bool(calibration.color_from_board and calibration.board)
    page.plot(
        lambda figure: rig.draw_rig(figure, calibration),
        alt="The cameras, what they see and where the boards were, from above, from the side and obliquely",
        size_in=(WIDE_IN, 8.2),
        caption="Does this look like the rig on the tripod? A camera on the wrong side, or upside down, is a "
        "mirrored picture or a board read from the wrong end. "
        + ("The pyramids end where the farthest boards were." if with_boards else "The pyramids end at 1 m."),
    )


def _add_certainty(page: Page, calibration: Calibration) -> None:
    page.section(
        "How certain a face is placed",
        "What the corners leave open, carried to a face at 1 m: where a depth reading appears in color, and "
        "a color point in thermal.",
    )
    certainty = None
    with suppress(ConfigError):
        certainty = ellipses.certainty_of(calibration)
    if certainty is None:
        page.note("No ellipses", tables.why_no_corners(calibration))
        return
    found = ellipses.placements(certainty)
    page.plot(
        lambda figure: ellipses.draw_certainty(figure, calibration, found),
        alt="Ellipses of 95 % over the color and the thermal picture, for points at 1 m",
        size_in=(WIDE_IN, 3.5),
        caption="Each ellipse holds the true place with 95 %, magnified as the title says; the plain oval is "
        "a face at 1 m. They grow where no board was, and there is none where the other camera does not see. "
        "They count the corners' noise only, not a board that is bent or measured wrongly.",
    )


def _add_lenses(page: Page, calibration: Calibration) -> None:
    page.section(
        "What the lenses do", "How far each lens moves a place from where a perfect one would put it."
    )
    page.plot(
        lambda figure: lens.draw_lenses(figure, calibration.cameras),
        alt="Lens distortion of each camera as arrows over its picture",
        size_in=(WIDE_IN, 2.8),
        caption="Lines run from the perfect place to the dot where it is seen; the cross is the middle of "
        "the lens. They should change smoothly up to the corners: lines that turn round near the rim mean "
        "distortion that no board has pinned down there.",
    )
