"""Calibration boards as things: where their points lie, what is printed on them, and what they are called.

Nothing looks for a board in a picture here (calibrate/boards does). A board's points lie in the plane
z = 0, x to the right and y down as one looks at it, millimetres, the first point at the origin.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, UsageError

Float = NDArray[np.float64]
Ends = Literal["marked", "colored", "alike"]
MAX_MM = 1000.0
MAX_ACROSS = 60
CIRCLE_FIELDS = 32  # fields per spacing of a drawn circle grid
CIRCLE_SAMPLES = 8  # each of its fields is the mean of 8 x 8 samples
KINDS = ("9x6x25mm", "charuco-7x5x36mm", "aruco-4x3x50mm", "circles-4x11x20mm")
"""A chessboard (inner corners across x down x side of a square), ChArUco (squares across x down x side), a
grid of ArUco markers (across x down x side of a marker), circles (in a row x rows x spacing)."""
FORM = re.compile(
    r"(?:(?P<kind>charuco|aruco|circles)-)?(?P<across>\d{1,3})x(?P<down>\d{1,3})x(?P<side>\d+(?:\.\d+)?)mm"
    r"(?:-(?P<second>\d+(?:\.\d+)?)mm)?(?:-(?P<dictionary>[0-9A-Za-z_]+))?"
)


@dataclass(frozen=True, slots=True)
class FlatTarget:
    """A plate with a picture of square fields.

    Attributes
    ----------
    ink : (rows, columns) float64, 0 blank to 1 ink, one value per field
    field_mm : float, the side of a field
    origin_mm : (x, y) of the picture's top left corner on the plate; x to the right, y down
    """

    ink: NDArray[np.float64]
    field_mm: float
    origin_mm: tuple[float, float]

    @property
    def outline_mm(self) -> Float:
        """The four corners (4, 3) of the plate, clockwise from the top left."""
        rows, columns = self.ink.shape
        x = self.origin_mm[0] + self.field_mm * np.array([0, columns, columns, 0])
        y = self.origin_mm[1] + self.field_mm * np.array([0, 0, rows, rows])
        return np.stack([x, y, np.zeros(4)], axis=1)

    def picture(self, *, px_per_field: int) -> NDArray[np.uint8]:
        """Return the plate as a picture, 0 ink to 255 blank.

        A point (x, y) of the plate lies at (xy - origin_mm) / field_mm * px_per_field - 0.5.
        """
        fields = np.rint(255 * (1 - self.ink)).astype(np.uint8)
        return np.kron(fields, np.ones((px_per_field, px_per_field), np.uint8))


@dataclass(frozen=True, slots=True)
class Board(ABC):
    """What every board has.

    Attributes
    ----------
    kind : "chessboard", "charuco", "aruco" or "circles"
    """

    kind: ClassVar[str]

    @staticmethod
    def parse(text: str) -> Board:
        """Return the board that `text` describes, in one of the forms of `KINDS`.

        A second length is the side of a marker (charuco), the gap between markers (aruco) or the diameter of
        a circle; a dictionary is named as OpenCV does without DICT_: charuco-11x8x20mm-15mm-4X4_250.

        Raises
        ------
        ConfigError
            `text` describes no board, or one that cannot be made.
        """
        match = FORM.fullmatch(text.strip())
        if match is None:
            raise ConfigError(f"wanted a board such as {', '.join(KINDS)}, found {text!r}")
        across, down, side_mm = int(match["across"]), int(match["down"]), float(match["side"])
        second_mm = None if match["second"] is None else float(match["second"])
        dictionary = match["dictionary"]
        if match["kind"] is None:
            if second_mm is not None or dictionary is not None:
                raise ConfigError(f"wanted a chessboard such as 9x6x25mm, found {text!r}")
            return Chessboard(across, down, side_mm)
        if match["kind"] == "circles":
            if dictionary is not None:
                raise ConfigError(f"wanted circles such as circles-4x11x20mm-18mm, found {text!r}")
            return CircleGrid(across, down, side_mm, side_mm if second_mm is None else second_mm)
        marked = CharucoBoard if match["kind"] == "charuco" else ArucoGrid
        share = 0.75 if marked is CharucoBoard else 0.25
        second_mm = share * side_mm if second_mm is None else second_mm
        return marked(across, down, side_mm, second_mm, dictionary or "4X4_250")

    @property
    @abstractmethod
    def points_mm(self) -> Float:
        """The points (N, 3) that cameras find, z = 0, the first at the origin."""

    @property
    @abstractmethod
    def plate(self) -> FlatTarget:
        """The board as it is made, margin included."""

    @property
    @abstractmethod
    def ends(self) -> Ends:
        """How a picture tells the board's two ends apart.

        "marked": by its markers or its shape, in every camera. "colored": by which squares are dark, which a
        thermal camera may see the other way round. "alike": not at all, half a turn changes nothing.
        """

    @property
    def symmetric(self) -> bool:
        """True if half a turn leaves the board as it was, so that a picture cannot tell its ends apart."""
        return self.ends == "alike"

    @property
    def half_turn(self) -> tuple[Float, Float]:
        """The rotation (3, 3) and translation (3,) of half a turn that swaps the first and the last point."""
        return np.diag([-1.0, -1.0, 1.0]), self.points_mm[-1]


@dataclass(frozen=True, slots=True)
class Chessboard(Board):
    """A chessboard of `columns` x `rows` inner corners; the outer square at the first corner is black.

    Attributes
    ----------
    columns, rows : int, inner corners (a board of 10 x 7 squares has 9 x 6)
    square_mm : float, side of one square
    """

    kind: ClassVar[str] = "chessboard"
    columns: int
    rows: int
    square_mm: float

    def __post_init__(self) -> None:
        _require(self, min_across=3, across=self.columns, down=self.rows, side_mm=self.square_mm)

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}x{self.square_mm:g}mm"

    @property
    def ends(self) -> Ends:
        """A board of odd by even inner corners has two ends of different color."""
        return "alike" if (self.columns + self.rows) % 2 == 0 else "colored"

    @property
    def points_mm(self) -> Float:
        """The inner corners (columns * rows, 3), row by row."""
        return _grid(self.columns, self.rows, self.square_mm)

    @property
    def plate(self) -> FlatTarget:
        """One field per square, with a blank margin of one square."""
        i, j = np.mgrid[0 : self.rows + 1, 0 : self.columns + 1]
        ink = np.pad(((i + j) % 2 == 0).astype(np.float64), 1)
        return FlatTarget(ink, self.square_mm, (-2 * self.square_mm, -2 * self.square_mm))


@dataclass(frozen=True, slots=True)
class CharucoBoard(Board):
    """A chessboard with an ArUco marker in every white square; any part of it can be read.

    Garrido-Jurado et al., Pattern Recognition 2014, for the markers; the layout is OpenCV's since 4.6: the
    top left square is black, and ids count along the rows.

    Attributes
    ----------
    squares_x, squares_y : int, squares across and down
    square_mm, marker_mm : float, sides of a square and of a marker
    dictionary : str, OpenCV's name without DICT_
    """

    kind: ClassVar[str] = "charuco"
    squares_x: int
    squares_y: int
    square_mm: float
    marker_mm: float
    dictionary: str = "4X4_250"

    def __post_init__(self) -> None:
        _require(self, min_across=3, across=self.squares_x, down=self.squares_y, side_mm=self.square_mm)
        if not 0.3 <= self.marker_mm / self.square_mm <= 0.95:
            raise ConfigError(
                f"wanted markers of 0.3 to 0.95 of a square's side, found {self.marker_mm:g} mm in squares "
                f"of {self.square_mm:g} mm"
            )
        _require_ids(self.dictionary, self.squares_x * self.squares_y // 2)

    def __str__(self) -> str:
        sides = f"{self.squares_x}x{self.squares_y}x{self.square_mm:g}mm-{self.marker_mm:g}mm"
        return f"charuco-{sides}-{self.dictionary}"

    @property
    def ends(self) -> Ends:
        """Markers name every corner."""
        return "marked"

    @property
    def points_mm(self) -> Float:
        """The inner corners ((squares_x - 1) * (squares_y - 1), 3), row by row."""
        return _grid(self.squares_x - 1, self.squares_y - 1, self.square_mm)

    @property
    def plate(self) -> FlatTarget:
        """As many fields as make squares and the modules of markers whole, with a margin of half a square."""
        modules = _markers(self.dictionary).markerSize + 2
        share = Fraction(self.marker_mm / self.square_mm).limit_denominator(20)
        module, border = share / modules, (1 - share) / 2
        n = lcm(module.denominator, border.denominator, 2)
        per_module, start = int(module * n), int(border * n)
        ink = np.zeros((self.squares_y * n, self.squares_x * n))
        marker = 0
        for row in range(self.squares_y):
            for column in range(self.squares_x):
                square = ink[row * n : (row + 1) * n, column * n : (column + 1) * n]
                if (row + column) % 2 == 0:
                    square[:] = 1
                else:
                    picture = np.kron(marker_ink(self.dictionary, marker), np.ones((per_module, per_module)))
                    square[start : start + len(picture), start : start + len(picture)] = picture
                    marker += 1
        corner_mm = -1.5 * self.square_mm
        return FlatTarget(np.pad(ink, n // 2), self.square_mm / n, (corner_mm, corner_mm))


@dataclass(frozen=True, slots=True)
class ArucoGrid(Board):
    """A grid of ArUco markers with gaps between them; ids count along the rows from 0.

    Attributes
    ----------
    markers_x, markers_y : int, markers across and down
    marker_mm, gap_mm : float, side of a marker, and what lies between two
    dictionary : str, OpenCV's name without DICT_
    """

    kind: ClassVar[str] = "aruco"
    markers_x: int
    markers_y: int
    marker_mm: float
    gap_mm: float
    dictionary: str = "4X4_250"

    def __post_init__(self) -> None:
        _require(self, min_across=1, across=self.markers_x, down=self.markers_y, side_mm=self.marker_mm)
        if not 0.05 <= self.gap_mm / self.marker_mm <= 2:
            raise ConfigError(
                f"wanted gaps of 0.05 to 2 of a marker's side, found {self.gap_mm:g} mm between markers of "
                f"{self.marker_mm:g} mm"
            )
        _require_ids(self.dictionary, self.markers_x * self.markers_y)

    def __str__(self) -> str:
        sides = f"{self.markers_x}x{self.markers_y}x{self.marker_mm:g}mm-{self.gap_mm:g}mm"
        return f"aruco-{sides}-{self.dictionary}"

    @property
    def ends(self) -> Ends:
        """Markers name every corner."""
        return "marked"

    @property
    def points_mm(self) -> Float:
        """The corners of the markers (4 * markers, 3): by id, clockwise from each marker's top left."""
        first = _grid(self.markers_x, self.markers_y, self.marker_mm + self.gap_mm)
        corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]) * self.marker_mm
        return (first[:, None] + corners).reshape(-1, 3)

    @property
    def plate(self) -> FlatTarget:
        """As many fields as make modules and gaps whole, with a margin of two gaps at least."""
        modules = _markers(self.dictionary).markerSize + 2
        gap = Fraction(self.gap_mm * modules / self.marker_mm).limit_denominator(20)  # in modules
        per_module = gap.denominator
        n_gap, n_marker = int(gap * per_module), modules * per_module
        step = n_marker + n_gap
        ink = np.zeros((self.markers_y * step - n_gap, self.markers_x * step - n_gap))
        for marker in range(self.markers_x * self.markers_y):
            row, column = divmod(marker, self.markers_x)
            picture = np.kron(marker_ink(self.dictionary, marker), np.ones((per_module, per_module)))
            ink[row * step : row * step + n_marker, column * step : column * step + n_marker] = picture
        margin = max(2 * n_gap, 2 * per_module)
        field_mm = self.marker_mm / n_marker
        return FlatTarget(np.pad(ink, margin), field_mm, (-margin * field_mm, -margin * field_mm))


@dataclass(frozen=True, slots=True)
class CircleGrid(Board):
    """Circles in rows, every other row shifted by half a step (OpenCV's asymmetric grid).

    Attributes
    ----------
    columns, rows : int, circles in a row, and rows
    spacing_mm : float, between two rows, and half the distance of two circles of a row
    diameter_mm : float
    """

    kind: ClassVar[str] = "circles"
    columns: int
    rows: int
    spacing_mm: float
    diameter_mm: float

    def __post_init__(self) -> None:
        _require(self, min_across=2, across=self.columns, down=self.rows, side_mm=self.spacing_mm)
        if self.rows < 3 or not 0.2 <= self.diameter_mm / self.spacing_mm <= 1.3:
            raise ConfigError(
                "wanted at least 3 rows of circles, of a diameter of 0.2 to 1.3 spacings, found "
                f"{self.rows} rows and {self.diameter_mm:g} mm at a spacing of {self.spacing_mm:g} mm"
            )

    def __str__(self) -> str:
        sides = f"{self.columns}x{self.rows}x{self.spacing_mm:g}mm"
        return f"circles-{sides}-{self.diameter_mm:g}mm"

    @property
    def ends(self) -> Ends:
        """With an odd number of rows both outer rows are shifted alike, which half a turn swaps."""
        return "marked" if self.rows % 2 else "alike"

    @property
    def points_mm(self) -> Float:
        """The centers (columns * rows, 3), row by row; odd rows lie one spacing to the right."""
        points = _grid(self.columns, self.rows, self.spacing_mm) * (2, 1, 1)
        points[:, 0] += self.spacing_mm * (np.arange(len(points)) // self.columns % 2)
        return points

    @property
    def plate(self) -> FlatTarget:
        """Fine fields, each covered as much as the circle covers it, with a margin of 1.5 spacings."""
        field_mm = self.spacing_mm / CIRCLE_FIELDS
        margin = CIRCLE_FIELDS * 3 // 2
        last_mm = self.points_mm[:, :2].max(axis=0)
        n_columns, n_rows = np.rint(last_mm / field_mm).astype(int) + 2 * margin
        ink = np.zeros((n_rows, n_columns))
        reach = int(np.ceil(self.diameter_mm / 2 / field_mm)) + 1
        inside = (
            (np.arange(-reach * CIRCLE_SAMPLES, reach * CIRCLE_SAMPLES) + 0.5) / CIRCLE_SAMPLES * field_mm
        )
        disc = (np.hypot(inside[:, None], inside) <= self.diameter_mm / 2).astype(np.float64)
        disc = disc.reshape(2 * reach, CIRCLE_SAMPLES, 2 * reach, CIRCLE_SAMPLES).mean(axis=(1, 3))
        for x, y in np.rint(self.points_mm[:, :2] / field_mm).astype(int) + margin:
            part = ink[y - reach : y + reach, x - reach : x + reach]
            np.maximum(part, disc, out=part)
        return FlatTarget(ink, field_mm, (-margin * field_mm, -margin * field_mm))


def board_named(text: str) -> Board:
    """Return the board that a command line names; UsageError, which exits 2, where it names none."""
    try:
        return Board.parse(text)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def marker_ink(dictionary: str, marker: int) -> NDArray[np.float64]:
    """Return the modules of a marker, its black border included: 1 ink, 0 blank.

    Parameters
    ----------
    dictionary : str, OpenCV's name without DICT_
    marker : int, its id
    """
    markers = _markers(dictionary)
    side = markers.markerSize + 2
    return (cv2.aruco.generateImageMarker(markers, marker, side, borderBits=1) == 0).astype(np.float64)


def markers_of(board: CharucoBoard | ArucoGrid) -> cv2.aruco.Dictionary:
    """Return the markers that a board is made of, as OpenCV has them."""
    return _markers(board.dictionary)


def _markers(dictionary: str) -> cv2.aruco.Dictionary:
    number = getattr(cv2.aruco, f"DICT_{dictionary}", None)
    if not isinstance(number, int):
        raise ConfigError(
            f"wanted a dictionary of ArUco markers such as 4X4_250, 5X5_100 or ARUCO_ORIGINAL, found "
            f"{dictionary!r}"
        )
    return cv2.aruco.getPredefinedDictionary(number)


def _require_ids(dictionary: str, n_wanted: int) -> None:
    n_there = len(_markers(dictionary).bytesList)
    if n_wanted > n_there:
        raise ConfigError(
            f"wanted {n_wanted} different markers, dictionary {dictionary!r} has {n_there}; take a larger one"
        )


def _require(board: object, *, min_across: int, across: int, down: int, side_mm: float) -> None:
    if not (min_across <= min(across, down) and max(across, down) <= MAX_ACROSS and 1 <= side_mm <= MAX_MM):
        raise ConfigError(
            f"wanted a board of {min_across} to {MAX_ACROSS} by {min_across} to {MAX_ACROSS} with sides of 1 "
            f"to {MAX_MM:g} mm, found {str(board)!r}"
        )


def _grid(columns: int, rows: int, step_mm: float) -> Float:
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3).astype(np.float64) * step_mm
