"""Small datasets to look at: three subjects, all streams, with rows that are wrong in known ways."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import (
    VALID,
    ClipConfig,
    DatasetRecord,
    Reason,
    SessionRecord,
    SplitScheme,
    write_record,
)

SIZE_PX = 32
N_FRAMES = 72
FPS = 8.0
NO_FACE = slice(20, 26)
LOST_THERMAL = 40
JUMP_AT = 50
BLURRED = 60
SPLITS = {"S01": "train", "S02": "test", "S03": "validation"}


def session_columns(number: int, streams: Sequence[Stream]) -> dict[str, np.ndarray]:
    """Return the columns of one session; depth is 700 mm + row, thermal 30 C + row / 100."""
    n, rows = N_FRAMES, np.arange(N_FRAMES)
    columns = {
        name: np.zeros((n, *column.shape), column.dtype)
        for name, column in column_layout(size_px=SIZE_PX, streams=streams).items()
    }
    pictures = {
        Stream.COLOR: 40 + 2 * rows[:, None, None, None] + np.zeros((n, SIZE_PX, SIZE_PX, 3)),
        Stream.DEPTH: 700 + rows[:, None, None] + np.zeros((n, SIZE_PX, SIZE_PX)),
        Stream.THERMAL: 30315 + rows[:, None, None] + np.zeros((n, SIZE_PX, SIZE_PX)),
        Stream.INFRARED: 2000 + 10 * rows[:, None, None] + np.zeros((n, SIZE_PX, SIZE_PX)),
    }
    reasons = {stream: np.zeros(n, np.uint8) for stream in streams}
    for stream in streams:
        reasons[stream][NO_FACE] = Reason.NO_FACE
        if stream is Stream.THERMAL:
            reasons[stream][LOST_THERMAL] = Reason.UNSYNCHRONISED
    grid = np.random.default_rng(number).uniform(4, SIZE_PX - 4, (68, 2))
    columns["landmarks"][:] = 2 * grid + 100
    columns["landmarks"][JUMP_AT:] += 40
    columns["transforms"][:] = [[0.5, 0, -50], [0, 0.5, -50]]
    for stream in streams:
        columns[f"reason_{stream}"] = reasons[stream]
        columns[f"valid_{stream}"] = np.isin(reasons[stream], VALID)
        columns[stream.value][:] = pictures[stream]
        columns[stream.value][reasons[stream] != Reason.OK] = 0
    columns["found"][:] = 1
    columns["tick"][:] = rows * 2
    columns["n_faces"][:] = 1
    columns["time_s"][:] = rows / FPS
    columns["sharpness"][:] = 0.5
    columns["sharpness"][BLURRED] = 0.1 + 0.01 * number
    columns["pose_deg"][:] = np.stack([rows / 2, rows * 0, rows * 0], axis=1)
    columns["brightness"][:] = 120
    columns["valence"][:] = np.sin(rows / 9)
    columns["arousal"][:] = 0.25
    columns["valence"][-4:] = np.nan
    columns["eye_distance_px"][:] = np.nan
    lost = reasons[Stream.COLOR] == Reason.NO_FACE
    for name in ("landmarks", "transforms", "found"):
        columns[name][lost] = 0
    for name in ("sharpness", "pose_deg", "brightness", "score", "distance_mm", "eye_distance_px"):
        columns[name][lost] = np.nan
    return columns


def write_dataset(path: Path, *, streams: Sequence[Stream] = tuple(Stream)) -> Path:
    """Write the dataset; a fourth session has failed, and no file is missing or damaged."""
    path.mkdir()
    entries = []
    for number, subject in enumerate(SPLITS):
        columns = session_columns(number, streams)
        with SessionWriter(
            path / f"{subject}-a.h5", n_frames=N_FRAMES, size_px=SIZE_PX, streams=streams
        ) as writer:
            writer.write(0, columns)
            for dimension in ("valence", "arousal"):
                said = np.stack([columns[dimension] - 0.1, columns[dimension] + 0.1])
                writer.write_raters(dimension, ("Ada", "Ben"), said.clip(-1, 1))
        entries.append(
            SessionRecord(
                id=f"{subject}-a",
                subject=subject,
                simulated=True,
                fate="built",
                file=f"{subject}-a.h5",
                n_ticks=2 * N_FRAMES,
                n_frames=N_FRAMES,
                fps=FPS,
                streams=tuple(streams),
                raters=("Ada", "Ben"),
                labelled={"valence": N_FRAMES - 4, "arousal": N_FRAMES},
                aligned_share=66 / 72,
                reasons={
                    stream.value: {
                        Reason(value).name.lower(): int(n)
                        for value, n in zip(
                            *np.unique(columns[f"reason_{stream}"], return_counts=True), strict=True
                        )
                    }
                    for stream in streams
                },
                remarks=("<img src=x onerror=\"document.title='owned'\">",) if number == 1 else (),
            )
        )
    entries.append(
        SessionRecord(id="S04-a", subject="S04", simulated=True, fate="failed", error="no face in 40 frames")
    )
    folds = dict.fromkeys(SPLITS, 0) | {"S03": 1}
    write_record(
        path,
        DatasetRecord(
            software="tests",
            simulated=True,
            box_policy="none",
            config=ClipConfig(size_px=SIZE_PX, fps=FPS),
            splits=(
                SplitScheme(by="subject", subjects=SPLITS),
                SplitScheme(name="two", by="fold", folds=folds),
            ),
            sessions=tuple(entries),
        ),
    )
    return path


@pytest.fixture
def make_dataset() -> Callable[..., Path]:
    """Return `write_dataset`."""
    return write_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset that no test changes."""
    return write_dataset(tmp_path_factory.mktemp("view") / "clips")
