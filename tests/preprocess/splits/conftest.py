"""Datasets with labels and next to no pixels, written through the real writer."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import sha256_of_file
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import (
    ClipConfig,
    DatasetRecord,
    SessionRecord,
    SplitScheme,
    write_record,
)
from mavfer.preprocess.splits.people import SessionInSplit, label_histogram

SIZE_PX = 32


def labels_of(seed: int, n_frames: int) -> dict[str, np.ndarray]:
    """Return labels around a level of this person's own: people differ far more than moments do."""
    chance = np.random.default_rng(seed)
    levels = chance.uniform(-0.6, 0.6), chance.uniform(-0.4, 0.4)
    return {
        name: np.clip(chance.normal(level, 0.15, n_frames), -1, 1).astype(np.float32)
        for name, level in zip(("valence", "arousal"), levels, strict=True)
    }


@pytest.fixture(scope="session")
def some_sessions() -> Callable[..., list[SessionInSplit]]:
    """A function that returns labelled sessions of n subjects; `n_frames` may be a number for each."""

    def make(n_subjects: int, *, n_frames: int | Sequence[int] = 200) -> list[SessionInSplit]:
        lengths = [n_frames] * n_subjects if isinstance(n_frames, int) else list(n_frames)
        return [
            SessionInSplit(
                f"take{i}",
                f"S{i:02d}",
                length,
                {name: label_histogram(values) for name, values in labels_of(i, length).items()},
            )
            for i, length in enumerate(lengths)
        ]

    return make


@pytest.fixture(scope="session")
def write_labelled() -> Callable[..., Path]:
    """A function that writes a dataset of sessions {id: subject}, all of them for training."""

    def write(path: Path, sessions: Mapping[str, str], *, n_frames: int = 64, rated: bool = True) -> Path:
        path.mkdir(parents=True)
        records = []
        for number, (session, subject) in enumerate(sessions.items()):
            columns = {
                name: np.zeros((n_frames, *column.shape), column.dtype)
                for name, column in column_layout(size_px=SIZE_PX, streams=[Stream.COLOR]).items()
            }
            columns["valid_color"][:] = True
            labels = labels_of(number, n_frames)
            for name, values in labels.items():
                columns[name] = values if rated else np.full(n_frames, np.nan, np.float32)
            file = path / f"{session}.h5"
            with SessionWriter(file, n_frames=n_frames, size_px=SIZE_PX, streams=[Stream.COLOR]) as writer:
                writer.write(0, columns)
            records.append(
                SessionRecord(
                    id=session,
                    subject=subject,
                    simulated=True,
                    fate="built",
                    file=file.name,
                    sha256=sha256_of_file(file),
                    n_ticks=n_frames,
                    n_frames=n_frames,
                    fps=4,
                    streams=(Stream.COLOR,),
                    labelled=dict.fromkeys(labels, n_frames if rated else 0),
                    reasons={"color": {"ok": n_frames}},
                )
            )
        scheme = SplitScheme(by="subject", subjects=dict.fromkeys(sessions.values(), "train"))
        record = DatasetRecord(
            software="tests",
            simulated=True,
            box_policy="none",
            config=ClipConfig(size_px=SIZE_PX),
            splits=(scheme,),
            sessions=tuple(records),
        )
        write_record(path, record)
        return path

    return write
