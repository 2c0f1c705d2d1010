"""A camera's GenICam nodes by name: set where present and read back, and every doubt kept as a line."""

import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ...errors import CameraError

Scalar = str | int | float | bool
MAX_NODES = 500
MAX_TEXT = 512
READ_ALL_S = 10.0
LINEAR_MODE, LINEAR_RESOLUTION = "TemperatureLinearMode", "TemperatureLinearResolution"


class Nodes:
    """The nodes of an open camera; from the thread that opened it.

    Firmware versions differ in the nodes that they have (and no list of the A65's own is public), so nothing
    is taken for granted: what is absent is remembered in `absent`, what was not taken in `doubts`.
    """

    def __init__(self, node_map: Any) -> None:
        self._map = node_map
        self.absent: list[str] = []
        self.doubts: list[str] = []

    def has(self, name: str) -> bool:
        """Return whether the camera implements the node."""
        from genicam.genapi import EAccessMode

        try:
            return self._map.has_node(name) and self._access(name) > EAccessMode.NI
        except Exception:  # a node whose access depends on a register that cannot be read
            return False

    def read(self, name: str) -> Scalar | None:
        """Return a node's value, or None where it is absent, cannot be read or is no scalar."""
        from genicam.genapi import EAccessMode

        try:
            if not self._map.has_node(name) or self._access(name) not in (EAccessMode.RO, EAccessMode.RW):
                return None
            value = self._map.get_node(name).value
        except Exception:  # the vendor's description may be wrong, or the register refused
            return None
        return value if isinstance(value, str | int | float | bool) else None

    def number(self, name: str) -> float | None:
        """Return a node's value if it is a finite number."""
        value = self.read(name)
        if isinstance(value, bool | str) or value is None:
            return None
        return value if abs(value) < float("inf") else None

    def symbols(self, name: str) -> tuple[str, ...]:
        """Return what an enumeration may be set to; empty where the node is none."""
        try:
            return tuple(self._map.get_node(name).symbolics)
        except Exception:  # absent, or of another kind
            return ()

    def set(self, name: str, value: Scalar) -> Scalar | None:
        """Set a node if it is present, and return what is then read back, None where it is absent."""
        if not self.has(name):
            self.absent.append(name)
            return None
        found = self.read(name)
        if found == value and type(found) is type(value):
            return found
        why = self._try(lambda: setattr(self._map.get_node(name), "value", value))
        found = self.read(name)
        if found != value and not (isinstance(found, float) and _near(found, value)):
            symbols = self.symbols(name)
            offered = f", it takes {', '.join(symbols)}" if symbols and value not in symbols else ""
            because = f" ({why})" if why and not offered else ""
            self.doubts.append(f"{name} was to be {value}, the camera has {found}{offered}{because}")
        return found

    def demand(self, name: str, value: Scalar) -> None:
        """Set a node that the operator asks for; raises CameraError if it is absent or not taken."""
        if not self.has(name):
            near = get_close_matches(name, [node.node.name for node in self._map.nodes], n=3)
            others = f"; it has {', '.join(near)}" if near else ""
            raise CameraError(
                f"nodes in the rig file wants a node {name!r}, the camera has none of that name{others}"
            )
        n_doubts = len(self.doubts)
        self.set(name, value)
        if len(self.doubts) > n_doubts:
            raise CameraError(f"nodes in the rig file cannot be set: {self.doubts.pop()}")

    def execute(self, name: str) -> bool:
        """Execute a command if it is present; return whether the camera took it."""
        if not self.has(name):
            self.absent.append(name)
            return False
        why = self._try(lambda: self._map.get_node(name).execute())
        if why:
            self.doubts.append(f"{name} was not carried out ({why})")
        return not why

    def scalars(self) -> dict[str, Scalar]:
        """Return every feature that can be read as a number or a text, at most 500, within about 10 s."""
        until_s = time.monotonic() + READ_ALL_S
        values: dict[str, Scalar] = {}
        for node in self._map.nodes:
            if len(values) >= MAX_NODES or time.monotonic() > until_s:
                self.doubts.append("not all nodes were read: they are too many, or the camera answers slowly")
                break
            try:
                if not node.node.is_feature():
                    continue
                name = node.node.name
            except Exception:  # as above
                continue
            if (value := self.read(name)) is not None and value == value:  # no nan
                values[name] = value[:MAX_TEXT] if isinstance(value, str) else value
        return values

    def unit(self) -> str:
        """Return what the camera says its counts are, as a stream's unit; see temperature.py.

        Linear counts are 0.04 K in resolution High and 0.4 K in Low (FLIR support on the AX5 series).
        """
        from ..temperature import Planck

        mode, resolution = self.read(LINEAR_MODE), self.read(LINEAR_RESOLUTION)
        if mode in ("On", True, 1):
            return {"High": "0.04 K", "Low": "0.4 K"}.get(str(resolution), "counts")
        if mode in ("Off", False, 0):
            r, b, f, o = (self.number(name) for name in ("R", "B", "F", "O"))
            o = self.number("OInt") if o is None else o
            if r is not None and b is not None and f is not None and o is not None and min(r, b) > 0:
                return Planck(float(r), float(b), float(f), float(o)).unit
        return "counts"

    def _access(self, name: str) -> int:
        return self._map.get_node(name).get_access_mode()

    @staticmethod
    def _try(action: Callable[[], object]) -> str:
        """Do something with a node; return "" or the first line of why it failed."""
        try:
            action()
        except Exception as error:  # genicam's own, and whatever a wrong description leads to
            return first_line(error)
        return ""


def first_line(error: BaseException) -> str:
    """Return what an exception of the vendor's says, in one line of bearable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    for noise in ("GenTL exception: ", " (ID: "):
        text = text.split(noise)[-1] if noise.startswith("GenTL") else text.split(noise)[0]
    return text.split(" : ")[0][:200]


def _near(found: float, wanted: object) -> bool:
    return isinstance(wanted, int | float) and abs(found - wanted) <= 1e-4 * max(1.0, abs(wanted))
