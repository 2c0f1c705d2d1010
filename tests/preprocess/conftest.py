"""What the tests of preprocess film: a simulated subject of four seconds, its calibration and its raters."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.annotate.trace import Trace, write_trace
from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.master import record
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import sha256_of_file
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import (
    ClipConfig,
    Compression,
    DatasetRecord,
    Reason,
    SessionRecord,
    SplitScheme,
    write_record,
)

RIG = Rig(
    name="simulated",
    recorders={
        "kinect": RecorderSettings(camera="simulated_kinect"),
        "thermal": RecorderSettings(camera="simulated_a65"),
    },
    simulated=SceneSettings(clock="virtual"),
)
SECONDS = 4.2  # 17 frames at 4 a second: one whole chunk and one frame more


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    """The simulated rig's true geometry."""
    truth = simulated_rig()
    return Calibration(
        rig="simulated",
        color=truth.color,
        depth=truth.depth,
        thermal=truth.thermal,
        color_from_depth=truth.color_from_depth,
        thermal_from_color=truth.thermal_from_color,
        depth_shift_mm=truth.depth_shift_mm,
    )


@pytest.fixture(scope="session")
def calibration_file(tmp_path_factory: pytest.TempPathFactory, calibration: Calibration) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("calibration") / "calibration.toml"
    write_calibration(path, calibration)
    return path


@pytest.fixture(scope="session")
def simulated_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded session of all four streams, with its truth beside it."""
    path = tmp_path_factory.mktemp("simulated") / "take"
    record(path, rig=RIG, subject="S01", seconds=SECONDS)
    return path


@pytest.fixture(scope="session")
def color_frames(simulated_session: Path) -> NDArray[np.uint8]:
    """Every fourth color picture of the simulated session, (N, 1080, 1920, 3)."""
    session = open_session(simulated_session)
    n_frames = len(session.index(Stream.COLOR))
    return np.stack([session.frame(Stream.COLOR, i).pixels for i in range(0, n_frames, 4)])


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """A function that writes pictures as an MP4 of 8 frames per second."""

    def write(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> Path:
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=8)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.bit_rate = 8_000_000
            stream.pix_fmt = "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def write_ramps() -> Callable[[Path, str], Path]:
    """A function that writes two raters' traces: valence rises from -5 by 2 and by 4 in ten seconds."""

    def write(folder: Path, session: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        time_s = np.arange(0, 10, 0.1)
        for rater, slope in (("A", 0.2), ("B", 0.4)):
            write_trace(folder, Trace(session, rater, "valence", time_s, -5 + slope * time_s, True))
            write_trace(folder, Trace(session, rater, "arousal", time_s, np.full(100, 3.0), True))
        return folder

    return write


SIZE_PX = 32
ALL_STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.INFRARED, Stream.THERMAL)
Columns = dict[str, NDArray]


def consistent_columns(n_frames: int, *, seed: int, streams: Sequence[Stream]) -> Columns:
    """Rows that a build could have made: all valid, random pixels, labels in [-1, 1], every second tick."""
    rng = np.random.default_rng(seed)
    columns: Columns = {}
    for name, column in column_layout(size_px=SIZE_PX, streams=streams).items():
        if np.dtype(column.dtype).kind == "f":
            columns[name] = rng.uniform(-1, 1, (n_frames, *column.shape)).astype(column.dtype)
        else:
            columns[name] = rng.integers(0, 200, (n_frames, *column.shape)).astype(column.dtype)
    for stream in streams:
        columns[f"reason_{stream}"][:] = Reason.OK
        columns[f"valid_{stream}"] = np.ones(n_frames, bool)
    columns["found"][:] = 1
    columns["tick"] = (2 * np.arange(n_frames)).astype(np.int32)
    columns["time_s"] = np.arange(n_frames) / 4
    return columns


def ticks_of(columns: Columns, streams: Sequence[Stream]) -> Columns:
    """The ticks of such rows: two for each, the second of which is passed over."""
    n_frames = len(columns["tick"])
    row = np.full(2 * n_frames, -1, np.int32)
    known = columns["tick"] >= 0
    row[columns["tick"][known]] = np.flatnonzero(known)
    ticks: Columns = {"time_s": np.arange(2 * n_frames) / 8, "row": row}
    for stream in streams:
        reason = np.full(2 * n_frames, Reason.NOT_SAMPLED, np.uint8)
        reason[row >= 0] = columns[f"reason_{stream}"][row[row >= 0]]
        ticks[f"reason_{stream}"] = reason
    return ticks


def counted(reasons: NDArray) -> dict[str, int]:
    """Reasons by name, as a record counts them."""
    numbers, counts = np.unique(reasons, return_counts=True)
    return {Reason(int(one)).name.lower(): int(n) for one, n in zip(numbers, counts, strict=True)}


@pytest.fixture(scope="session")
def write_dataset() -> Callable[..., Path]:
    """A function that writes a small dataset in which all agrees, through the real writer.

    `subjects` are by session id; `change` may edit a session's columns before they are written.
    """

    def write(
        folder: Path,
        subjects: dict[str, str] | None = None,
        *,
        n_frames: int = 40,
        streams: Sequence[Stream] = ALL_STREAMS,
        compression: Compression = Compression.BLOSC2,
        change: Callable[[str, Columns], None] | None = None,
        config: ClipConfig | None = None,
        splits: Sequence[SplitScheme] | None = None,
        failed: Sequence[str] = (),
    ) -> Path:
        subjects = subjects or {"s": "S01"}
        folder.mkdir(parents=True)
        entries = [
            SessionRecord(id=name, subject="S99", simulated=True, fate="failed", error="wanted a face")
            for name in failed
        ]
        for seed, (name, subject) in enumerate(subjects.items()):
            columns = consistent_columns(n_frames, seed=seed, streams=streams)
            if change is not None:
                change(name, columns)
            ticks = ticks_of(columns, streams)
            file = folder / f"{name}.h5"
            with SessionWriter(
                file, n_frames=n_frames, size_px=SIZE_PX, streams=streams, compression=compression
            ) as writer:
                for start in range(0, n_frames, 16):
                    writer.write(start, {key: rows[start : start + 16] for key, rows in columns.items()})
                values = np.linspace(-1, 1, 2 * n_frames).reshape(2, n_frames)
                writer.write_raters("valence", ["A", "B"], values)
                writer.write_ticks(ticks)
            entries.append(
                SessionRecord(
                    id=name,
                    subject=subject,
                    simulated=True,
                    fate="built",
                    file=file.name,
                    sha256=sha256_of_file(file),
                    n_ticks=2 * n_frames,
                    n_frames=n_frames,
                    fps=4,
                    streams=tuple(streams),
                    raters=("A", "B"),
                    labelled={key: int(np.isfinite(columns[key]).sum()) for key in ("valence", "arousal")},
                    aligned_share=float(columns["valid_color"].mean()),
                    reasons={stream.value: counted(columns[f"reason_{stream}"]) for stream in streams},
                    ticks={stream.value: counted(ticks[f"reason_{stream}"]) for stream in streams},
                )
            )
        record = DatasetRecord(
            software="test",
            simulated=True,
            box_policy="test",
            config=config or ClipConfig(size_px=SIZE_PX, compression=compression),
            splits=tuple(splits)
            if splits is not None
            else (SplitScheme(by="subject", subjects=dict.fromkeys(subjects.values(), "train")),),
            sessions=tuple(entries),
        )
        write_record(folder, record)
        return folder

    return write
