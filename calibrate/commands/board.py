"""The command `mavfer board print`."""

from pathlib import Path
from typing import Annotated

import typer


def board_print(
    board: Annotated[str, typer.Argument(metavar="BOARD", help="9x6x25mm, charuco-7x5x36mm, ...")],
    out: Annotated[Path, typer.Option(help="The file to write, .pdf or .png.")],
    paper: Annotated[str, typer.Option(help="A4, letter, A3, A2, or millimetres such as 300x400.")] = "A4",
    dpi: Annotated[int, typer.Option(help="Dots per inch of a .png.")] = 300,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Draw a calibration board true to scale, with a ruler to check the print and instructions.

    BOARD is 9x6x25mm (a chessboard: inner corners across x down x side of a square), charuco-7x5x36mm
    (squares), aruco-4x3x50mm (markers) or circles-4x11x20mm (circles in a row x rows x spacing). A PDF has
    the instructions on its second page; with a PNG they are printed here.

    Example: mavfer board print 9x6x25mm --out board.pdf
    Example: mavfer board print charuco-7x5x36mm --out board.png --dpi 300
    """
    from ...capture.board import board_named
    from ..boards.printing import instructions_of, write_board

    drawn = board_named(board)
    if drawn.symmetric:
        typer.echo(
            f"warning: the board {drawn} looks the same upside down; hold it upright, or better use one of "
            "odd x even inner corners, such as 9x6 (circles: an odd number of rows)",
            err=True,
        )
    sheet = write_board(out, drawn, paper=paper, dpi=dpi, overwrite=overwrite)
    if out.suffix.lower() == ".png":
        typer.echo(instructions_of(sheet))
    width, height = sheet.width_mm, sheet.height_mm
    typer.echo(f"wrote the board {drawn} on {width:g} x {height:g} mm: {out}")
