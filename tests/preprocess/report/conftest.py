"""Datasets for the report, written by the real writer: drawn faces whose rows fare as a test wants."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import sha256_of_file
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import (
    HAS_PIXELS,
    VALID,
    ClipConfig,
    DatasetRecord,
    Reason,
    SessionRecord,
    Split,
    SplitScheme,
    write_record,
)
from mavfer.preprocess.rows import align

ALL_STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.INFRARED, Stream.THERMAL)
SIZE_PX = 48
FPS = 4.0


@dataclass(frozen=True)
class Take:
    """One session to write: `lost` is {stream: [(reason, first row, stop)]}; `raters` per dimension."""

    id: str
    subject: str = "S01"
    n_frames: int = 48
    streams: Sequence[Stream] = ALL_STREAMS
    lost: Mapping[Stream, Sequence[tuple[Reason, int, int]]] = field(default_factory=dict)
    raters: Sequence[str] = ("anna", "ben", "carl")
    error: str | None = None
    remarks: tuple[str, ...] = ()
    simulated: bool = True
    geometry: str = "agrees"
    shake_px: float = 0.2
    seed: int = 0


def drawn(valence: np.ndarray, arousal: np.ndarray, *, seed: int) -> dict[str, np.ndarray]:
    """Return pictures of every stream of a face that is an ellipse with eyes and a mouth."""
    rng = np.random.default_rng(seed)
    n = len(valence)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX - 0.5
    face = (x / (0.36 + 0.04 * rng.random())) ** 2 + (y / 0.48) ** 2 < 1
    eyes = np.exp(-(((np.abs(x) - 0.18) / 0.06) ** 2 + ((y + 0.12) / 0.04) ** 2))
    mouth = np.exp(-((x / 0.15) ** 2 + ((y - 0.25) / 0.05) ** 2))
    skin = 110 + 70 * rng.random()
    gray = 40 + skin * face - 90 * eyes + 45 * mouth * valence[:, None, None]
    gray = gray + rng.normal(0, 4, (n, SIZE_PX, SIZE_PX))
    color = np.stack([gray * f for f in (1.0, 0.85, 0.75)], axis=-1).clip(0, 255).astype(np.uint8)
    bulge = 60 * np.sqrt(np.clip(1 - (x / 0.4) ** 2 - (y / 0.5) ** 2, 0, 1))
    depth = np.where(face, 860 - bulge - 10 * arousal[:, None, None], 0)
    thermal = np.where(face, 33.5 + 1.5 * mouth * valence[:, None, None], 22)
    return {
        "color": color,
        "depth": depth.round().astype(np.uint16),
        "infrared": (gray.clip(0, 255) * 40).astype(np.uint16),
        "thermal": np.round((thermal + 273.15) * 100).astype(np.uint16),
    }


def write_take(folder: Path, take: Take) -> SessionRecord:
    """Write one session and return its record."""
    rng = np.random.default_rng(take.seed)
    n = take.n_frames
    t = np.arange(n) / FPS
    valence = (0.7 * np.sin(0.3 * t + take.seed)).astype(np.float32)
    arousal = (0.6 * np.cos(0.2 * t + 2 * take.seed)).astype(np.float32)
    layout = column_layout(size_px=SIZE_PX, streams=take.streams)
    columns = {name: np.zeros((n, *column.shape), column.dtype) for name, column in layout.items()}
    reasons = {stream: np.zeros(n, np.uint8) for stream in take.streams}
    for stream, losses in take.lost.items():
        for reason, first, stop in losses:
            reasons[stream][first:stop] = reason
    pictures = drawn(valence, arousal, seed=take.seed)
    face = np.isin(reasons[Stream.COLOR], HAS_PIXELS)
    scale = 220 / SIZE_PX
    mean_face = np.concatenate([np.zeros((17, 2)), align.template_px(SIZE_PX)]) * scale + (800, 300)
    landmarks = mean_face + rng.normal(0, take.shake_px * scale, (n, 68, 2))
    columns |= {
        "time_s": t,
        "tick": np.arange(n, dtype=np.int32),
        "landmarks": landmarks.astype(np.float32),
        "transforms": np.tile(
            np.array([[1 / scale, 0, -800 / scale], [0, 1 / scale, -300 / scale]], np.float32), (n, 1, 1)
        ),
        "found": face.astype(np.uint8),
        "n_faces": np.ones(n, np.uint8),
        "eye_distance_px": np.where(face, 74 + 8 * np.sin(0.1 * t), np.nan).astype(np.float32),
        "distance_mm": np.where(face, 820 - 60 * np.sin(0.1 * t), np.nan).astype(np.float32),
        "pose_deg": np.where(face[:, None], rng.normal(0, 5, (n, 3)).cumsum(axis=0) / 4, np.nan).astype(
            np.float32
        ),
        "sharpness": np.where(face, 12 + rng.normal(0, 1, n), np.nan).astype(np.float32),
        "brightness": np.where(face, 120 + 10 * np.sin(0.5 * t), np.nan).astype(np.float32),
        "valence": valence if take.raters else np.full(n, np.nan, np.float32),
        "arousal": arousal if take.raters else np.full(n, np.nan, np.float32),
    }
    for stream in take.streams:
        own = pictures[stream.value].copy()
        own[~np.isin(reasons[stream], HAS_PIXELS)] = 0
        columns |= {
            stream.value: own,
            f"reason_{stream}": reasons[stream],
            f"valid_{stream}": np.isin(reasons[stream], VALID),
        }
    columns["landmarks"][~face] = 0
    path = folder / f"{take.id}.h5"
    with SessionWriter(path, n_frames=n, size_px=SIZE_PX, streams=take.streams) as writer:
        writer.write(0, columns)
        for dimension, gold in (("valence", valence), ("arousal", arousal)):
            if take.raters:
                said = [gold + 0.1 * k + rng.normal(0, 0.1, n) for k in range(len(take.raters))]
                writer.write_raters(dimension, take.raters, np.clip(said, -1, 1))
    counted = {
        stream.value: dict(Counter(Reason(int(code)).name.lower() for code in reasons[stream]))
        for stream in take.streams
    }
    ticks = {
        stream: {**counts, "not_sampled": round(1.5 * n), "not_recorded": counts.get("not_recorded", 0) + 1}
        for stream, counts in counted.items()
    }
    n_ticks = n + round(1.5 * n) + 1
    return SessionRecord(
        id=take.id,
        subject=take.subject,
        simulated=take.simulated,
        fate="built",
        remarks=take.remarks,
        file=path.name,
        sha256=sha256_of_file(path),
        source_sha256="0" * 64,
        traces_sha256="1" * 64,
        calibration_sha256="2" * 64,
        rig="lab",
        n_ticks=n_ticks,
        n_frames=n,
        fps=FPS,
        streams=tuple(take.streams),
        raters=tuple(take.raters),
        labelled={"valence": n, "arousal": n} if take.raters else {"valence": 0, "arousal": 0},
        aligned_share=float(np.isin(reasons[Stream.COLOR], VALID).mean()) if n else 0.0,
        region_share=1.0,
        reasons=counted,
        ticks=ticks,
        stored={stream.value: n_ticks - 1 for stream in take.streams},
        at_no_tick={stream.value: 0 for stream in take.streams},
        geometry=take.geometry,
        geometry_reason="edges lie 0.4 px from where they are expected",
    )


def write_dataset(
    folder: Path,
    takes: Sequence[Take],
    *,
    scheme: SplitScheme | None = None,
    config: ClipConfig | None = None,
) -> Path:
    """Write a dataset of `takes`; those with an error have failed. A third of the subjects is for testing."""
    folder.mkdir(parents=True)
    entries = [
        SessionRecord(
            id=take.id, subject=take.subject, simulated=take.simulated, fate="failed", error=take.error
        )
        if take.error
        else write_take(folder, take)
        for take in takes
    ]
    subjects = sorted({take.subject for take in takes if not take.error})
    kinds: tuple[Split, ...] = ("train", "train", "test", "validation")
    split = SplitScheme(by="subject", subjects={name: kinds[i % 4] for i, name in enumerate(subjects)})
    write_record(
        folder,
        DatasetRecord(
            software="mavfer 0.1.0",
            simulated=any(take.simulated for take in takes),
            box_policy="around the last face, once more at half the size",
            config=config or ClipConfig(size_px=SIZE_PX),
            splits=(scheme or split,),
            sessions=tuple(entries),
        ),
    )
    return folder


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Path]:
    """Return `write_dataset`."""
    return write_dataset
