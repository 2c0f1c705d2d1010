"""Small datasets, written through the real writer, with faces simple enough to draw in numpy."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import sha256_of_file
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import (
    ClipConfig,
    DatasetRecord,
    SessionRecord,
    Split,
    SplitScheme,
    write_record,
)

ALL_STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.THERMAL)


def drawn_face(
    *, valence: np.ndarray, arousal: np.ndarray, size_px: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return color, depth and thermal frames: mouth and nose temperature say valence, depth arousal."""
    n = len(valence)
    y, x = np.mgrid[:size_px, :size_px] / size_px - 0.5
    face = (x / 0.4) ** 2 + (y / 0.48) ** 2 < 1
    mouth = np.exp(-((x / 0.15) ** 2 + ((y - 0.25) / 0.06) ** 2))
    nose = np.exp(-((x / 0.08) ** 2 + (y / 0.1) ** 2))
    color = 90 + 60 * face + 60 * mouth * valence[:, None, None] + rng.normal(0, 4, (n, size_px, size_px))
    depth = np.where(face, 800 - 40 * arousal[:, None, None] - 25 * nose, 1800)
    thermal = np.where(face, 34 + 1.5 * nose * valence[:, None, None], 22)
    return {
        "color": np.repeat(color.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1),
        "depth": depth.astype(np.uint16),
        "thermal": np.round((thermal + 273.15) * 100).astype(np.uint16),
    }


def write_dataset(
    path: Path,
    *,
    splits: dict[str, Split],
    n_frames: int = 48,
    size_px: int = 32,
    streams: Sequence[Stream] = ALL_STREAMS,
    change: Callable[[str, dict[str, np.ndarray]], None] | None = None,
    more_splits: Sequence[SplitScheme] = (),
) -> Path:
    """Write a dataset with one session per subject of `splits`; `change` may edit a subject's columns."""
    path.mkdir(parents=True)
    records = []
    for number, subject in enumerate(splits):
        rng = np.random.default_rng(number)
        t = np.arange(n_frames) / 4
        valence = 0.8 * np.sin(t + number)
        arousal = 0.8 * np.cos(0.7 * t + 2 * number)
        columns = {
            name: np.zeros((n_frames, *column.shape), column.dtype)
            for name, column in column_layout(size_px=size_px, streams=streams).items()
        }
        faces = drawn_face(valence=valence, arousal=arousal, size_px=size_px, rng=rng)
        columns |= {stream.value: faces[stream.value] for stream in streams}
        columns |= {f"valid_{stream.value}": np.ones(n_frames, bool) for stream in streams}
        columns |= {"valence": valence.astype(np.float32), "arousal": arousal.astype(np.float32), "time_s": t}
        if change is not None:
            change(subject, columns)
        file = f"{subject}.h5"
        with SessionWriter(path / file, n_frames=n_frames, size_px=size_px, streams=streams) as writer:
            writer.write(0, columns)
        records.append(
            SessionRecord(
                id=f"{subject}-a",
                subject=subject,
                simulated=True,
                fate="built",
                file=file,
                sha256=sha256_of_file(path / file),
                n_ticks=n_frames,
                n_frames=n_frames,
                fps=4.0,
                streams=tuple(streams),
                aligned_share=1.0,
            )
        )
    write_record(
        path,
        DatasetRecord(
            software="tests",
            simulated=True,
            box_policy="none",
            config=ClipConfig(size_px=size_px),
            splits=(SplitScheme(by="subject", subjects=splits), *more_splits),
            sessions=tuple(records),
        ),
    )
    return path


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch on one thread: these networks are too small to share."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Path]:
    """Return `write_dataset`."""
    return write_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a dataset of four subjects: two to train on, one to validate, one to test."""
    return write_dataset(
        tmp_path / "dataset", splits={"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
    )
