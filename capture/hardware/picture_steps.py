"""Steps that look at a picture of each stream, without anybody's help."""

import numpy as np
from numpy.typing import NDArray

from ...errors import SessionError
from ..streams import Stream, StreamSpec, check_pixels
from ..temperature import conversion
from .bench import Bench
from .pixels import pixels_of
from .steps import Outcome, Step, Value, Verdict, percent

SIZES = {
    "kinect_v2": {Stream.COLOR: (1080, 1920, 3), Stream.DEPTH: (424, 512), Stream.INFRARED: (424, 512)},
    "flir_a65": {Stream.THERMAL: (512, 640)},
}
SIZES |= {"simulated_kinect": SIZES["kinect_v2"], "simulated_a65": SIZES["flir_a65"]}
ROOM_C = (5.0, 45.0)
RANGE_C = (-40.0, 660.0)
DEPTH_MM = (400.0, 4500.0)
LEAST_READ = 0.3


def celsius_of(pixels: NDArray, spec: StreamSpec) -> NDArray[np.float64]:
    """Return a thermal picture (H, W) in degrees Celsius; raises SessionError where its unit is not known."""
    law = conversion(spec.unit)
    if law is None:
        raise SessionError(f"wanted a thermal unit that says what a count stands for, found {spec.unit!r}")
    return law.celsius(pixels)


def _streams(bench: Bench) -> Outcome:
    (frames,) = bench.pictures()
    bench.keep_pictures(frames, "at rest")
    verdict: Verdict = "ok"
    lines, measured = [], {}
    for frame, spec in zip(frames, bench.camera.specs, strict=True):
        pixels, stream = pixels_of(frame), spec.stream
        check_pixels(pixels, spec)
        wanted = SIZES.get(bench.kind, {}).get(stream)
        size = "x".join(map(str, reversed(spec.shape[:2])))
        lines.append(f"{stream.value} {size} {spec.dtype}, {spec.unit}")
        if wanted is not None and wanted != spec.shape:
            verdict = "doubtful"
            lines[-1] += f" (wanted {'x'.join(map(str, reversed(wanted[:2])))})"
        measured |= {
            f"{stream.value}_unit": spec.unit,
            f"{stream.value}_least": float(pixels.min()),
            f"{stream.value}_median": float(np.median(pixels)),
            f"{stream.value}_most": float(pixels.max()),
        }
        if pixels.min() == pixels.max():
            verdict = "failed"
            lines[-1] += f": every pixel is {pixels.min()}"
    return Outcome(verdict, "; ".join(lines), measured)


def _temperature(bench: Bench) -> Outcome:
    ((frame,),) = bench.pictures()
    t_c = celsius_of(frame.pixels, bench.camera.specs[0])
    low, median, high = float(t_c.min()), float(np.median(t_c)), float(t_c.max())
    found = f"{low:.1f} to {high:.1f} °C, median {median:.1f} °C"
    measured: dict[str, Value] = {"least_c": low, "median_c": median, "most_c": high}
    if low < RANGE_C[0] or high > RANGE_C[1]:
        return Outcome("failed", f"{found}: outside of what the camera can measure", measured)
    room = ROOM_C[0] <= median <= ROOM_C[1]
    return Outcome("ok" if room else "doubtful", found, measured)


def _depth(bench: Bench) -> Outcome:
    (frames,) = bench.pictures()
    depth_mm = next(frame.pixels for frame in frames if frame.stream is Stream.DEPTH)
    read = depth_mm[depth_mm > 0]
    share = len(read) / depth_mm.size
    if not len(read):
        return Outcome("failed", "no pixel has a reading", {"share_read": share})
    near, median, far = (float(one) for one in np.percentile(read, (1, 50, 99)))
    good = share >= LEAST_READ and DEPTH_MM[0] <= median <= DEPTH_MM[1]
    found = f"{percent(share)} of the pixels read, from {near:.0f} to {far:.0f} mm, median {median:.0f} mm"
    measured = {"share_read": share, "p1_mm": near, "median_mm": median, "p99_mm": far}
    return Outcome("ok" if good else "doubtful", found, measured)


LOOKING = (
    Step(
        "streams",
        "Streams, sizes, units",
        "A65: 640x512 uint16; Kinect v2: color 1920x1080, depth and infrared 512x424",
        "data sheets",
        _streams,
    ),
    Step(
        "temperature",
        "Temperatures of the scene",
        f"median {ROOM_C[0]:.0f} to {ROOM_C[1]:.0f} °C in a room",
        "a room with people in it; a wrong conversion is off by hundreds of degrees",
        _temperature,
        applies=lambda bench: bench.settings.streams == (Stream.THERMAL,),
    ),
    Step(
        "depth",
        "Depth readings",
        f"{percent(LEAST_READ)} of the pixels or more, median {DEPTH_MM[0]:.0f} to {DEPTH_MM[1]:.0f} mm",
        "the Kinect v2 reads from 0.5 to 4.5 m (vendor); nothing nearer than about 400 mm",
        _depth,
        applies=lambda bench: Stream.DEPTH in bench.settings.streams and bench.kind != "replay",
    ),
)
