"""What the counts of a thermal stream mean in kelvin; its unit says it, so every file explains itself."""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

ZERO_CELSIUS_K = 273.15
NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
LINEAR_UNIT = re.compile(rf"{NUMBER} K")
PLANCK_UNIT = re.compile(rf"planck R={NUMBER} B={NUMBER} F={NUMBER} O={NUMBER}")
N_COUNTS = 65536

Counts = float | NDArray


@dataclass(frozen=True, slots=True)
class Linear:
    """Temperature in proportion to counts, as a FLIR A65 sends it in TemperatureLinearMode.

    0.04 K per count in resolution High, which ends at 16383 counts (655 K), 0.4 K in Low (FLIR support,
    "AX5: temperature linear mode").
    """

    kelvin_per_count: float

    @overload
    def kelvin(self, counts: float) -> float: ...
    @overload
    def kelvin(self, counts: NDArray) -> NDArray[np.float64]: ...
    def kelvin(self, counts: Counts) -> Counts:
        """Return the temperatures of counts, whole or not, in kelvin."""
        return counts * self.kelvin_per_count

    @overload
    def celsius(self, counts: float) -> float: ...
    @overload
    def celsius(self, counts: NDArray) -> NDArray[np.float64]: ...
    def celsius(self, counts: Counts) -> Counts:
        """Return the temperatures of counts, whole or not, in degrees Celsius."""
        return counts * self.kelvin_per_count - ZERO_CELSIUS_K

    def counts(self, kelvin: float) -> float:
        """Return the counts that a temperature gives, not rounded."""
        return kelvin / self.kelvin_per_count

    @property
    def unit(self) -> str:
        """The conversion as a stream's unit."""
        return f"{_text(self.kelvin_per_count)} K"


@dataclass(frozen=True, slots=True)
class Planck:
    """Temperature by Planck's law with a camera's own constants, TemperatureLinearMode off.

    T = B / ln(R / (S - O) + F) for the signal S (FLIR Ax5 user's manual, nodes R, B, F, O; the same formula
    as in FLIR's thermography application notes). The constants hold for the gain they were read with.
    """

    r: float
    b: float
    f: float
    o: float

    @overload
    def kelvin(self, counts: float) -> float: ...
    @overload
    def kelvin(self, counts: NDArray) -> NDArray[np.float64]: ...
    def kelvin(self, counts: Counts) -> Counts:
        """Return the temperatures of signals in kelvin; nan where the law gives none (S <= O)."""
        signal = np.asarray(counts, np.float64) - self.o
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = np.where(signal > 0, self.r / signal + self.f, np.nan)
            kelvin = np.where(ratio > 1, self.b / np.log(ratio), np.nan)
        return kelvin if isinstance(counts, np.ndarray) else float(kelvin)

    @overload
    def celsius(self, counts: float) -> float: ...
    @overload
    def celsius(self, counts: NDArray) -> NDArray[np.float64]: ...
    def celsius(self, counts: Counts) -> Counts:
        """Return the temperatures of signals in degrees Celsius; nan as in `kelvin`."""
        return self.kelvin(counts) - ZERO_CELSIUS_K

    def counts(self, kelvin: float) -> float:
        """Return the signal that a temperature gives, not rounded."""
        return self.r / (np.exp(self.b / kelvin) - self.f) + self.o

    @property
    def unit(self) -> str:
        """The conversion as a stream's unit."""
        return f"planck R={_text(self.r)} B={_text(self.b)} F={_text(self.f)} O={_text(self.o)}"


Conversion = Linear | Planck


def conversion(unit: str) -> Conversion | None:
    """Return what a stream's unit says: "0.04 K", "planck R=.. B=.. F=.. O=.."; None for any other unit."""
    if found := LINEAR_UNIT.fullmatch(unit):
        kelvin_per_count = float(found[1])
        return Linear(kelvin_per_count) if 0 < kelvin_per_count < math.inf else None
    if found := PLANCK_UNIT.fullmatch(unit):
        r, b, f, o = (float(number) for number in found.groups())
        return Planck(r, b, f, o) if min(r, b) > 0 and all(map(math.isfinite, (r, b, f, o))) else None
    return None


@cache
def kelvin_table(unit: str) -> NDArray[np.float64] | None:
    """Return the temperature in kelvin of each of the 65536 counts; None where `conversion` does.

    Read-only. Looking up a picture of 640x512 pixels costs 0.6 ms, Planck's law itself 8 ms.
    """
    law = conversion(unit)
    if law is None:
        return None
    table = law.kelvin(np.arange(N_COUNTS))
    table.flags.writeable = False
    return table


def widened(law: Conversion | None, low: float, high: float, *, least: float) -> tuple[float, float]:
    """Return counts `low` and `high`, moved apart about their middle where they are less than `least` apart.

    Parameters
    ----------
    law : of the counts; None takes `least` in counts
    least : kelvin
    """
    middle = (low + high) / 2
    if law is None or not np.isfinite(kelvin := law.kelvin(middle)):
        first, last = middle - least / 2, middle + least / 2
    else:
        first, last = law.counts(kelvin - least / 2), law.counts(kelvin + least / 2)
    return (first, last) if high - low < last - first else (low, high)


def _text(number: float) -> str:
    """Return a number as text that is read back as the same number."""
    return repr(float(number)).removesuffix(".0")
