"""Boards printed true to scale, as PDF and as PNG."""

import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from mavfer.calibrate.boards.detect import find_corners
from mavfer.calibrate.boards.printing import (
    EDGE_MM,
    FOOT_MM,
    ink_rectangles_mm,
    instructions_of,
    lay_out,
    paper_size_mm,
    write_board,
)
from mavfer.capture.board import Board
from mavfer.capture.streams import Stream
from mavfer.command_line import command_line
from mavfer.errors import ConfigError, OutputError, UsageError

EVERY = ["9x6x25mm", "charuco-11x8x20mm", "aruco-4x3x40mm", "circles-4x11x20mm-14mm"]
POINTS_PER_MM = 72 / 25.4


def pdf_streams(path: Path) -> list[str]:
    """Return the drawing commands of every page."""
    content = path.read_bytes()
    found = []
    for body in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            found.append(zlib.decompress(body).decode("latin-1"))
        except zlib.error:
            continue
    return found


@pytest.mark.parametrize("text", EVERY)
def test_points_of_a_png_lie_as_far_apart_as_the_board_says(text: str, tmp_path: Path) -> None:
    board, dpi = Board.parse(text), 150
    write_board(tmp_path / "board.png", board, dpi=dpi)
    picture = cv2.imread(str(tmp_path / "board.png"))
    assert picture is not None
    found = find_corners(picture, board, Stream.COLOR)
    assert found is not None
    assert np.isfinite(found).all()
    found_mm = (found - found[0]) * 25.4 / dpi
    true_mm = board.points_mm[:, :2]
    turn, _, right = np.linalg.svd(found_mm.T @ true_mm)  # circles of an even grid may lie turned
    np.testing.assert_allclose(found_mm, true_mm @ (turn @ right).T, atol=0.03)


@pytest.mark.parametrize("text", EVERY[:3])
def test_rectangles_cover_the_ink_once(text: str) -> None:
    board = Board.parse(text)
    plate = board.plate
    cells = np.zeros(plate.ink.shape)
    rectangles = ink_rectangles_mm(board)
    fields = np.rint((rectangles - (*plate.origin_mm, 0, 0)) / plate.field_mm).astype(int)
    for x, y, w, h in fields:
        cells[y : y + h, x : x + w] += 1
    np.testing.assert_array_equal(cells, plate.ink)


def test_a_pdf_draws_squares_of_the_very_size(tmp_path: Path) -> None:
    write_board(tmp_path / "board.pdf", Board.parse("9x6x25mm"))
    content = (tmp_path / "board.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", content)
    assert len(boxes) == 2
    np.testing.assert_allclose(np.array(boxes[0], float) / POINTS_PER_MM, (297, 210), atol=0.01)
    number = r"(-?[\d.]+)"
    quad = re.compile(
        rf"{number} {number} m\n{number} {number} l\n{number} {number} l\n{number} {number} l\nh"
    )
    shapes = [
        np.array(match, float).reshape(4, 2)
        for page in pdf_streams(tmp_path / "board.pdf")
        for match in quad.findall(page)
    ]
    sides_mm = np.array([np.ptp(shape, axis=0) for shape in shapes]) / POINTS_PER_MM
    squares = np.all(np.abs(sides_mm - 25) < 0.001, axis=1)
    assert squares.sum() == 35  # 10 x 7 squares, half of them black


def test_the_same_board_gives_the_same_bytes_and_no_date(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for suffix in ("pdf", "png"):
            write_board(tmp_path / f"{name}.{suffix}", Board.parse("charuco-11x8x20mm"), dpi=60)
    for suffix in ("pdf", "png"):
        content = (tmp_path / f"a.{suffix}").read_bytes()
        assert content == (tmp_path / f"b.{suffix}").read_bytes()
        assert b"CreationDate" not in content


@pytest.mark.parametrize("text", EVERY)
def test_a_board_lies_in_the_middle_with_room_around_and_below(text: str) -> None:
    sheet = lay_out(Board.parse(text), paper="A4")
    x0, y0, x1, y1 = sheet.box_mm
    assert x0 + x1 == pytest.approx(sheet.width_mm)
    assert min(x0, y0) >= EDGE_MM
    assert sheet.height_mm - y1 >= FOOT_MM


def test_a_board_too_large_names_the_paper_and_the_square_that_fit() -> None:
    with pytest.raises(ConfigError, match=r"it fits A3, and on A4 the largest such board has 36 mm"):
        lay_out(Board.parse("charuco-7x5x40mm"), paper="A4")
    lay_out(Board.parse("charuco-7x5x36mm-27mm"), paper="A4")
    lay_out(Board.parse("charuco-7x5x40mm"), paper="A3")
    with pytest.raises(ConfigError, match="it fits none of"):
        lay_out(Board.parse("20x15x60mm"), paper="A2")


def test_papers_are_named_or_measured() -> None:
    assert paper_size_mm("a4") == (210, 297)
    assert paper_size_mm("400x300") == (300, 400)
    with pytest.raises(UsageError, match="wanted a paper of A4"):
        paper_size_mm("B5")


def test_the_instructions_say_how_to_print_warm_hold_and_solve() -> None:
    for text in EVERY:
        board = Board.parse(text)
        said = instructions_of(lay_out(board, paper="A4"))
        for words in ("100 %", "lamp", "20 to 60 s", "0.5 to 1.3 m", "20 to 40 degrees", f"--board {board}"):
            assert words in said
    assert "258 mm apart across and 183 mm down" in instructions_of(
        lay_out(Board.parse("9x6x25mm"), paper="A4")
    )
    assert "holes" in instructions_of(lay_out(Board.parse(EVERY[3]), paper="A4"))


def test_the_command_writes_once_and_prints_the_instructions_of_a_png(tmp_path: Path) -> None:
    out = tmp_path / "board.png"
    arguments = ["board", "print", "7x5x30mm", "--out", str(out), "--dpi", "60"]
    result = CliRunner().invoke(command_line(), arguments)
    assert result.exit_code == 0, result.output
    assert "Print at 100 %" in result.stdout
    assert "looks the same upside down" in result.stderr
    assert str(out) in result.stdout
    again = CliRunner().invoke(command_line(), arguments)
    assert isinstance(again.exception, OutputError)
    assert CliRunner().invoke(command_line(), [*arguments, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize("wrong", [("--out", "board.svg"), ("--dpi", "9"), ("--paper", "B5")])
def test_a_misused_option_is_refused_before_anything_is_written(
    wrong: tuple[str, str], tmp_path: Path
) -> None:
    options = {"--out": "board.pdf", **dict([wrong])}
    options["--out"] = str(tmp_path / options["--out"])
    words = [word for pair in options.items() for word in pair]
    result = CliRunner().invoke(command_line(), ["board", "print", "9x6x25mm", *words])
    assert isinstance(result.exception, UsageError)
    assert not list(tmp_path.iterdir())
