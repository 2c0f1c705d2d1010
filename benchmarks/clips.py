"""How fast clips are written and read, and how large they are: `python benchmarks/clips.py [--quick]`.

A take of the simulated rig is built into a dataset of 96 px with all four streams; its rows fill a session of
`N_CLIPS` clips once with every compression, through the writer that builds use. Clips of 16 frames with any
start are then read into a batch in memory by each, in turn, one process and one thread, and by memcpy: the
same bytes copied between numpy arrays of the same total. What counts is the thread's own processor time, so
that neighbours do not. The files are in the page cache, and their pages are mapped (the first batch from a
file just opened is measured apart). The last line is one JSON object.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import DatasetSession
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import Compression

STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.INFRARED, Stream.THERMAL)
SIZE_PX = 96
CLIP = 16
N_CLIPS = 160  # 212 MB: more than any cache
QUICK_CLIPS = 64
BATCH = 16
TAKE_S = 6.5  # 64 rows: four chunks of their own
WANTED_SHARE = 0.8
Columns = dict[str, NDArray]
Reader = Callable[[Columns, int, int], None]
"""Puts the clip that starts at a row into a place of the batch."""


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a smaller session, and less of each")
    options.add_argument("--seconds", type=float, help="reading, seconds for all methods together")
    asked = options.parse_args()
    n_clips = QUICK_CLIPS if asked.quick or (asked.seconds or 99) < 10 else N_CLIPS
    seconds = asked.seconds or (8.0 if asked.quick else 40.0)
    with tempfile.TemporaryDirectory() as folder:
        rendered = rendered_rows(Path(folder))
        found = measure(Path(folder), tiled(rendered, n_clips * CLIP), seconds=seconds)
    print(json.dumps(found))


def rendered_rows(work: Path) -> Columns:
    """Return the rows of a take of the simulated rig, 64 of them, as a build makes them."""
    from mavfer.calibrate.calibration import Calibration
    from mavfer.calibrate.calibration_file import write_calibration
    from mavfer.capture.master import record
    from mavfer.capture.recorder_settings import RecorderSettings
    from mavfer.capture.rig import Rig
    from mavfer.capture.simulated.rig import simulated_rig
    from mavfer.capture.simulated.scene import SceneSettings
    from mavfer.preprocess.build import build_dataset
    from mavfer.preprocess.dataset.clips import open_dataset
    from mavfer.preprocess.dataset.record import ClipConfig

    truth = simulated_rig()
    geometry = {
        name: getattr(truth, name)
        for name in ("color", "depth", "thermal", "color_from_depth", "thermal_from_color", "depth_shift_mm")
    }
    write_calibration(work / "calibration.toml", Calibration(rig="simulated", **geometry))
    recorders = {
        "kinect": RecorderSettings(camera="simulated_kinect"),
        "thermal": RecorderSettings(camera="simulated_a65"),
    }
    rig = Rig(name="simulated", recorders=recorders, simulated=SceneSettings(clock="virtual"))
    record(work / "take", rig=rig, subject="S01", seconds=TAKE_S)
    build_dataset(
        [work / "take"],
        calibration=work / "calibration.toml",
        traces=None,
        out=work / "dataset",
        config=ClipConfig(fps=0, size_px=SIZE_PX, compression=Compression.NONE, verify_moments=0),
        n_workers=1,
    )
    (entry,) = open_dataset(work / "dataset").record.built
    session = whole_session(work / "dataset" / "take.h5", entry.n_frames)
    n_rows = session.n_frames // CLIP * CLIP
    names = column_layout(size_px=SIZE_PX, streams=STREAMS)
    return {name: session.read(name, 0, n_rows) for name in names}


def tiled(columns: Columns, n_frames: int) -> Columns:
    """Return `n_frames` rows: the given ones, again and again."""
    rows = np.arange(n_frames) % len(columns["color"])
    return {name: values[rows] for name, values in columns.items()}


def measure(work: Path, columns: Columns, *, seconds: float) -> dict[str, float]:
    """Print the table; return the figures."""
    n_frames = len(columns["color"])
    pixels = {stream.value: columns[stream.value] for stream in STREAMS}
    clip_bytes = sum(values[:CLIP].nbytes for values in pixels.values())
    batch = {
        name: np.zeros((BATCH, CLIP, *values.shape[1:]), values.dtype) for name, values in pixels.items()
    }
    readers: dict[str, Reader] = {"memcpy": copier(pixels)}
    found: dict[str, float] = {}
    sizes, write_ms = {}, {}
    starts = np.random.default_rng(0)
    for compression in Compression:
        path = work / f"{compression}.h5"
        write_ms[compression.value] = write(path, columns, compression)
        sizes[compression.value] = path.stat().st_size / (n_frames / CLIP)
        readers[compression.value] = session_reader(path, n_frames)
        round_of(readers["memcpy"], batch, [0] * BATCH)  # the batch's own pages are there
        order = starts.permutation(n_frames // CLIP)[:BATCH] * CLIP
        whole_session(path, n_frames).read("valid_color")  # opened
        first = round_of(readers[compression.value], batch, order.tolist())
        if compression is Compression.NONE:
            again = round_of(readers["memcpy"], batch, order.tolist())
            found["first_pass_share"] = again / first
            for start in range(0, n_frames, CLIP):  # map all pages
                readers["none"](batch, 0, start)
    times = interleaved(readers, batch, n_frames, seconds=seconds)
    median = {name: float(np.median(values)) for name, values in times.items()}
    shares = np.median(np.array(times["memcpy"]) / np.array(times["none"]))
    print(
        f"{n_frames // CLIP} clips of {CLIP} frames, {clip_bytes / 1e6:.2f} MB each, "
        f"{len(times['none'])} rounds of {BATCH}"
    )
    print(f"{'':8} {'bytes/clip':>11} {'share':>6} {'write ms/row':>13} {'clips/s':>9} {'of memcpy':>10}")
    for name in readers:
        speed = f"{1 / median[name]:9.0f} {median['memcpy'] / median[name]:10.3f}"
        if name == "memcpy":
            print(f"{name:8} {clip_bytes:11.0f} {1:6.2f} {'':13} {speed}")
            continue
        print(f"{name:8} {sizes[name]:11.0f} {sizes[name] / clip_bytes:6.2f} {write_ms[name]:13.2f} {speed}")
        if name != "none":
            found[f"{name}_clips_per_s"] = 1 / median[name]
        found[f"{name}_bytes_share"] = sizes[name] / clip_bytes
        found[f"{name}_write_ms"] = write_ms[name]
    found["memcpy_clips_per_s"] = 1 / median["memcpy"]
    found["clips_per_s"] = 1 / median["none"]
    found["memcpy_share"] = float(shares)
    print(f"the first batch from a file just opened: {found['first_pass_share']:.2f} of memcpy")
    print(f"uncompressed, of memcpy: {found['memcpy_share']:.2f} (wanted: at least {WANTED_SHARE})")
    return found


def write(path: Path, columns: Columns, compression: Compression) -> float:
    """Write a session as a build does, chunk by chunk; return milliseconds of processor time per row."""
    n_frames = len(columns["color"])
    begun = time.thread_time()
    with SessionWriter(
        path, n_frames=n_frames, size_px=SIZE_PX, streams=STREAMS, compression=compression
    ) as writer:
        for start in range(0, n_frames, CLIP):
            writer.write(start, {name: values[start : start + CLIP] for name, values in columns.items()})
    return (time.thread_time() - begun) / n_frames * 1000


def copier(pixels: Columns) -> Reader:
    """Return the peer: clips copied from arrays in memory."""

    def read(batch: Columns, place: int, start: int) -> None:
        for name, values in pixels.items():
            np.copyto(batch[name][place], values[start : start + CLIP])

    return read


def session_reader(path: Path, n_frames: int) -> Reader:
    """Return what reads clips of a session's file, as any user of the dataset does."""
    session = whole_session(path, n_frames)
    names = [stream.value for stream in STREAMS]

    def read(batch: Columns, place: int, start: int) -> None:
        session.read_clip(start, CLIP, names, out={name: batch[name][place] for name in names})

    return read


def whole_session(path: Path, n_frames: int) -> DatasetSession:
    """Return all frames of a file."""
    return DatasetSession(
        id="s",
        session_id="s",
        subject="S01",
        split="train",
        start=0,
        n_frames=n_frames,
        fps=4.0,
        streams=STREAMS,
        path=path,
    )


def round_of(read: Reader, batch: Columns, starts: Sequence[int]) -> float:
    """Fill the batch; return seconds of processor time per clip."""
    begun = time.thread_time()
    for place, start in enumerate(starts):
        read(batch, place, start)
    return (time.thread_time() - begun) / len(starts)


def interleaved(
    readers: dict[str, Reader], batch: Columns, n_frames: int, *, seconds: float
) -> dict[str, list[float]]:
    """Return seconds per clip of every round; the slow methods have fewer."""
    random = np.random.default_rng(1)
    times: dict[str, list[float]] = {name: [] for name in readers}
    fast = ("memcpy", "none")
    slow = [name for name in readers if name not in fast]
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end or rounds < 2 * len(slow):
        starts = random.integers(0, n_frames - CLIP + 1, BATCH).tolist()
        order = fast if rounds % 2 else fast[::-1]
        for name in (*order, *order[::-1]):
            times[name].append(round_of(readers[name], batch, starts))
        if rounds % 8 < len(slow):
            name = slow[rounds % 8]
            times[name].append(round_of(readers[name], batch, starts))
        rounds += 1
    return times


if __name__ == "__main__":
    main()
