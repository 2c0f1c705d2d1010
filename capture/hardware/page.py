"""report.html: what was found, for people; report.json has the same for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ...report import Badge, Cell, Page, Picture, Prose
from .plots import CLOCK_IN, INTERVALS_IN, TEMPERATURES_IN, clock_plot, interval_plot, temperature_plot
from .stamps import drift_of
from .steps import VERDICTS, Finding, Verdict, signed

if TYPE_CHECKING:
    from .found import CameraCheck, HardwareCheck

TONES = {"ok": "good", "doubtful": "doubt", "failed": "bad", "not done": "none"}
COUNTED = {"failed": "failed", "doubtful": "doubtful", "not done": "not done", "ok": "as expected"}
WIDEST_PX = 900
INSIDE = (
    "Inside: what this page shows, report.json with the same numbers, and per camera its settings "
    "(nodes.json), the documents that it holds, the times of its frames (frames.csv) and pictures.",
    "Pictures show whatever stood before the cameras, people included; --no-pictures leaves them out. "
    "Settings hold serial numbers and network addresses of cameras, and the name that a lab may have given "
    "to a camera.",
    "Not inside: the names of machine, user and home folder; where they stood in a text it says MACHINE, "
    "USER and ~. The rig file is not inside either.",
)
FILES = {
    "nodes.json": "the camera's settings as read back",
    "genicam.xml": "the camera's own description of its settings",
    "factory_calibration.json": "what the factory measured of its lenses",
    "frames.csv": "number and times of each frame while nobody touched the camera",
    "clock_readings.csv": "the device's clock, read between two times of the host's",
    "report.json": "all findings, for programs",
}


def write_page(found: HardwareCheck, path: Path, *, files: Sequence[tuple[str, int]]) -> None:
    """Write the page of a checklist; `files` are those of its folder, with their bytes."""
    simulated = all(one.simulated for one in found.cameras)
    page = Page("First contact with the cameras", _subtitle(found), mark="simulated" if simulated else "")
    _summary(page, found)
    for camera in found.cameras:
        _camera(page, camera)
    _machine(page, found)
    page.section("What is in this folder", "It can be sent as it is to whoever helps.")
    page.note("Before you send it", *INSIDE)
    rows: list[list[Cell]] = [
        [name, Prose(_said_of(name)), f"{n_bytes / 1000:,.1f}"] for name, n_bytes in files
    ]
    page.table(["file", "what it is", "kB"], rows, caption="Beside this page")
    page.write(path)


def _said_of(name: str) -> str:
    file = name.rsplit("/", 1)[-1]
    if file.endswith("_16bit.png"):
        return "picture with the camera's own 16 bit values"
    if file.endswith(".png"):
        return "picture as people see it"
    return FILES.get(file, "document of the camera")


def _subtitle(found: HardwareCheck) -> str:
    cameras = ", ".join(f"{one.name} ({one.camera})" for one in found.cameras)
    version = found.machine.get("software", {}).get("mavfer", "?")
    when = found.began_utc.replace("T", " ").replace("Z", " UTC")
    ended = " It was interrupted: what is missing stands as not done." if found.interrupted else ""
    return f"{cameras}. {when}, mavfer {version}.{ended}"


def _summary(page: Page, found: HardwareCheck) -> None:
    page.section("At a glance", "Each step says what a good camera shows and what this one showed.")
    counts = {verdict: sum(one.verdict == verdict for one in found.findings) for verdict in VERDICTS}
    page.tiles({COUNTED[verdict]: str(n) for verdict, n in counts.items()})
    rows: list[list[Cell]] = []
    for verdict in VERDICTS[:2]:
        for camera in found.cameras:
            rows += [
                [Prose(one.title, camera.name), _badge(verdict), Prose(one.found, f"expected: {one.expects}")]
                for one in camera.findings
                if one.verdict == verdict
            ]
    for camera in found.cameras:
        rows += [
            [Prose(one.title, camera.name), _badge("not done"), Prose(one.found, f"asks: {one.asks}")]
            for one in camera.findings
            if one.verdict == "not done" and one.asks
        ]
    if rows:
        page.table(
            ["step", "verdict", "found"], rows, caption="What to look at first, and what is left to do"
        )


def _camera(page: Page, camera: CameraCheck) -> None:
    watched = f"Watched for {camera.streamed_s:.0f} s while nobody touched it: {len(camera.stamps)} frames."
    real = "No real sensor stands behind it. " if camera.simulated else ""
    page.section(f"{camera.name}: {camera.camera}", real + watched)
    _tiles(page, camera)
    if camera.shown:
        pictures = [Picture(small(one.pixels), one.alt, one.label) for one in camera.shown]
        page.pictures(pictures, per_row=min(3, len(pictures)), caption=PICTURES)
    if len(camera.stamps) > 2:
        page.plot(
            lambda figure: interval_plot(figure, camera.stamps, camera.fps),
            alt="time between consecutive frames over the time since the first",
            size_in=INTERVALS_IN,
            caption="Time between frames that follow each other by number. The device's line shows the "
            "sensor, the arrivals' line what network, driver and this machine add.",
        )
        if (drift := drift_of(camera.stamps)) is not None:
            page.plot(
                lambda figure: clock_plot(figure, camera.stamps, drift),
                alt="arrival minus device time over the time since the first frame, with the fitted line",
                size_in=CLOCK_IN,
                caption="Arrival minus device time, less its smallest value. The line goes through the "
                "fastest frame of each second; as long as those stay as fast, it falls by as much as the "
                f"device's clock gains: {signed(drift.ppm)} ± {drift.uncertainty_ppm:.1f} ppm (95 %).",
            )
    if any(key.endswith("_c") for _, told in camera.health for key in told):
        page.plot(
            lambda figure: temperature_plot(figure, camera.health),
            alt="the device's own temperatures over time",
            size_in=TEMPERATURES_IN,
            caption="Temperatures that the device tells of itself.",
        )
    rows = [_row(one) for one in camera.findings]
    page.table(["step", "verdict", "found", "expected"], rows, caption=f"The steps of {camera.name}")
    if camera.events:
        events: list[list[Cell]] = [
            [f"{one.at_s:.1f}", Prose(one.kind), Prose(one.text)] for one in camera.events
        ]
        page.table(
            ["s", "what", "in the camera's words"], events, caption="What happened, since the first step"
        )
    if camera.nodes:
        nodes: list[list[Cell]] = [[name, Prose(str(value))] for name, value in camera.nodes.items()]
        page.table(["setting", "as read back"], nodes, caption="The camera's settings")


def _tiles(page: Page, camera: CameraCheck) -> None:
    """Show the numbers that everybody asks for first."""
    measured = {one.key: one.measured for one in camera.findings}
    figures = {}
    for step, key, name, text in (
        ("rate", "arrival_fps", "frames a second", "{:.2f}"),
        ("drops", "n_absent", "frame numbers absent", "{}"),
        ("intervals", "arrival_interval_p99_ms", "99 % of frames follow within", "{:.1f} ms"),
        ("cpu", "cpu_share_of_one_core", "of one core while grabbing", "{:.1%}"),
        ("drift", "drift_ppm", "its clock against this machine's", "{:+.1f} ppm"),
    ):
        if key in measured.get(step, {}):
            figures[name] = text.format(measured[step][key]).replace("%", " %").replace("-0.0", "+0.0")
    if figures:
        page.tiles(figures)


PICTURES = (
    "As the camera delivers them; nothing is mirrored here. 16 bit pictures are colored from their least to "
    "their largest values, with the scale at the right."
)


def _row(one: Finding) -> list[Cell]:
    return [
        Prose(one.title, f"asked: {one.asks}" if one.asks else ""),
        _badge(one.verdict),
        Prose(one.found),
        Prose(one.expects, one.source),
    ]


def _badge(verdict: Verdict) -> Badge:
    return Badge(verdict, TONES[verdict])  # type: ignore[arg-type]


def _machine(page: Page, found: HardwareCheck) -> None:
    facts = found.machine
    page.section("The machine", "What of it bears on cameras.")
    rows: list[list[Cell]] = [
        ["system", Prose(str(facts.get("system", "?")))],
        ["processor", Prose(f"{facts.get('processor', '?')}, {facts.get('cores', '?')} cores")],
        [
            "receive buffer of a UDP socket, at most",
            Prose(f"{facts['receive_buffer_bytes'] / 2**20:.1f} MiB"),
        ],
    ]
    if "memory_bytes" in facts:
        rows.insert(2, ["memory", Prose(f"{facts['memory_bytes'] / 2**30:.1f} GiB")])
    rows += [
        [name, Prose(version)] for name, version in facts.get("software", {}).items() if name != "system"
    ]
    page.table(["what", "found"], rows, caption="System and software")
    if cards := facts.get("network"):
        page.table(
            ["network card", "up", "MTU, bytes", "Mbit/s"],
            [
                [
                    card["card"],
                    "yes" if card["up"] else "no",
                    str(card["mtu_bytes"]),
                    str(card["speed_mbit_per_s"] or "?"),
                ]
                for card in cards
            ],
            caption="A GigE camera wants 1000 Mbit/s of its own; jumbo packets want an MTU that is larger",
        )


def small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture that is at most 900 pixels wide."""
    height, width = pixels.shape[:2]
    if width <= WIDEST_PX:
        return pixels
    size = (WIDEST_PX, round(height * WIDEST_PX / width))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
