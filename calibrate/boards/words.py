"""What is printed beside a board: how it is made, warmed, held and filmed."""

from __future__ import annotations

from ...capture.board import Board, CircleGrid


def instructions(board: Board, *, ruler_mm: float, across_mm: float, down_mm: float) -> str:
    """Return what to do with a printed board, a paragraph to a line; the first line is the title.

    Parameters
    ----------
    ruler_mm, across_mm, down_mm : float, lengths that the print has to show
    """
    lines = [
        f"Board {board}",
        "",
        "1. Print at 100 % ('actual size'), not 'fit to page': matt paper, black toner or pigment ink.",
        f"2. Measure: the ruler has {ruler_mm:g} mm; the crosses stand {across_mm:g} mm apart across and "
        f"{down_mm:g} mm down. If they do not, correct the printer, or name the board by what you measure.",
        "3. Glue it without bubbles to a flat, stiff plate: aluminium composite or glass, 3 mm or more. A "
        "bent board bends the calibration. Keep it matt: no lamination, no glass in front.",
        _in_thermal(board),
        "5. Record at about 30 places: 0.5 to 1.3 m away, near and far; in the middle and in every corner "
        "of every camera's picture; tilted by 20 to 40 degrees to the left, right, up and down.",
        "6. Hold the board still for one second at each place: the cameras do not expose at the same moment.",
        f"7. Solve: mavfer calibrate SESSION --board {board}",
        "",
        "Which board for what: a chessboard of odd by even inner corners is the most accurate, and has to be "
        "seen whole. ChArUco and ArUco may be cut by the picture's edge, and so reach the corners of every "
        "picture; their modules want 1.5 px or more, which for a Kinect's infrared at 1 m are squares of "
        "40 mm. Circles serve thermal cameras that see blurred edges, and have to be seen whole.",
    ]
    if board.symmetric:
        lines.append(
            f"{board} looks the same upside down: hold it upright in every picture, or take a board of odd "
            "by even inner corners (circles: an odd number of rows)."
        )
    elif isinstance(board, CircleGrid):
        lines.append(f"{board} looks the same in a mirror: check that no camera mirrors its picture.")
    return "\n".join(lines)


def _in_thermal(board: Board) -> str:
    lamp = (
        "4. A thermal camera sees the board while it is warm: hold it before a lamp of some hundred watts or "
        "into the sun for 20 to 60 s. Black ink takes up more heat than white paper and shows bright. It "
        "cools within about a minute: warm it again."
    )
    if isinstance(board, CircleGrid):
        return (
            f"{lamp} Or cut the circles as holes through white card, thinner than 1 mm, and hold it 1 cm "
            "before a warm plate (a heating pad behind black paper): the holes show bright as long as the "
            "plate is warm."
        )
    return lamp
