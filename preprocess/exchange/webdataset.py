"""A dataset as WebDataset shards: tar files in which each clip is a sample, to be read from end to end."""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError, UsageError
from ...output import new_folder, require_folder_free
from ..dataset.clips import Dataset, DatasetSession, sha256_of_file, windows
from ..dataset.record import SPLITS, Reason, Split
from .selection import ExportReport, Progress, selected_sessions, selected_streams

INDEX_NAME = "clips.json"
CLIPS_PER_SHARD = 256  # 340 MB of 16 frames of 96 px with four streams
CLIP_FRAMES = 16  # the paper's clip (section V-A)
DIMENSIONS = ("valence", "arousal")


@dataclass(frozen=True, slots=True)
class _Clip:
    key: str
    session: DatasetSession
    start: int


def export_webdataset(
    dataset: Dataset,
    *,
    out: Path,
    parts: Sequence[Split] = (),
    streams: Sequence[Stream] = (),
    length: int = CLIP_FRAMES,
    step: int | None = None,
    labelled: bool = False,
    clips_per_shard: int = CLIPS_PER_SHARD,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> ExportReport:
    """Write `out/<split>-<number>.tar`, and `out/clips.json` that lists them; the same bytes every time.

    A sample has `<stream>.npy`, (T, S, S, 3) uint8 or (T, S, S) uint16 in the dataset's units, and `json`
    with subject, session, split, first row, times, labels (the clip's mean and per frame; null where
    unknown), masks, and reasons in words. Clips lie where `windows` puts them: inside runs of valid color.

    Parameters
    ----------
    parts : of the dataset's split; all where none is named
    streams : what to put into the samples; a clip of a session that lacks one is refused
    length : frames per clip
    step : from one clip's start to the next; None: `length` in training, half of it elsewhere, as the paper
    labelled : leave out clips that have a frame without a label
    clips_per_shard : at most

    Raises
    ------
    UsageError
        A length, step or number of clips is less than 1.
    DatasetError
        There are no such sessions, streams or clips, or a file is damaged.
    OutputError
        Something stands at `out`, or the disk refuses.
    """
    for name, value in (("length", length), ("step", step), ("clips per shard", clips_per_shard)):
        if value is not None and value < 1:
            raise UsageError(f"wanted a {name} of at least 1, found {value}")
    require_folder_free(out, marker=INDEX_NAME, overwrite=overwrite)
    sessions = selected_sessions(dataset, parts)
    wanted = selected_streams(sessions, streams, dataset.path)
    _require_streams(sessions, wanted)
    clips = {split: _clips(sessions, split, length=length, step=step, labelled=labelled) for split in SPLITS}
    total = sum(map(len, clips.values()))
    if total == 0:
        raise DatasetError(
            f"wanted clips of {length} {'labelled ' if labelled else ''}frames, found none; see `mavfer "
            f"dataset info`: {dataset.path}"
        )
    done, shards = 0, []
    with new_folder(out, marker=INDEX_NAME, overwrite=overwrite) as folder:
        for split, of_split in clips.items():
            for number, first in enumerate(range(0, len(of_split), clips_per_shard)):
                name = f"{split}-{number:06d}.tar"
                with tarfile.open(folder / name, "w", format=tarfile.GNU_FORMAT) as tar:
                    for clip in of_split[first : first + clips_per_shard]:
                        for member, content in _sample(clip, length, wanted):
                            _add(tar, f"{clip.key}.{member}", content)
                        done += 1
                        if on_progress is not None:
                            on_progress(done, total)
                n_clips = len(of_split[first : first + clips_per_shard])
                shards.append(
                    {"name": name, "split": split, "clips": n_clips, "sha256": sha256_of_file(folder / name)}
                )
        index = {
            "length": length,
            "step": {split: _step(split, length, step) for split in SPLITS},
            "fps": dataset.record.config.fps,
            "simulated": dataset.record.simulated,
            "software": dataset.record.software,
            "streams": [stream.value for stream in wanted],
            "shards": shards,
        }
        (folder / INDEX_NAME).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    n_sessions = len({clip.session.session_id for of_split in clips.values() for clip in of_split})
    return ExportReport(out, n_sessions, total * length, total, len(shards))


def _step(split: Split, length: int, step: int | None) -> int:
    return step or (length if split == "train" else max(1, length // 2))


def _clips(
    sessions: Sequence[DatasetSession], split: Split, *, length: int, step: int | None, labelled: bool
) -> list[_Clip]:
    found: list[_Clip] = []
    for session in sessions:
        if session.split == split:
            known = DIMENSIONS if labelled else ()
            for start in windows(session, length=length, step=_step(split, length, step), labelled=known):
                found.append(_Clip(f"{split}-{len(found):08d}", session, start))
    return found


def _require_streams(sessions: Sequence[DatasetSession], wanted: Sequence[Stream]) -> None:
    """Raise DatasetError unless every sample can have the same members."""
    for session in sessions:
        missing = [stream.value for stream in wanted if stream not in session.streams]
        if missing:
            raise DatasetError(
                f"wanted {missing[0]!r} in every session, {session.id!r} has {', '.join(session.streams)}; "
                f"name the streams that all have with --stream: {session.path}"
            )


def _sample(clip: _Clip, length: int, streams: Sequence[Stream]) -> Iterator[tuple[str, bytes]]:
    """Yield a clip's members: name after the key, and content."""
    for stream in streams:
        yield f"{stream}.npy", _npy(clip.session.read(stream, clip.start, clip.start + length))
    yield "json", json.dumps(_facts(clip, length, streams), sort_keys=True).encode()


def _facts(clip: _Clip, length: int, streams: Sequence[Stream]) -> dict[str, Any]:
    session, start, stop = clip.session, clip.start, clip.start + length
    names = {int(one): one.name.lower() for one in Reason}
    labels = {name: session.read(name, start, stop) for name in DIMENSIONS}
    return {
        "session": session.session_id,
        "subject": session.subject,
        "split": session.split,
        "row": session.start + start,
        "length": length,
        "fps": session.fps,
        "time_s": _plain(session.read("time_s", start, stop)),
        "tick": session.read("tick", start, stop).tolist(),
        **{name: _plain(np.array([values.mean()]))[0] for name, values in labels.items()},
        "per_frame": {name: _plain(values) for name, values in labels.items()},
        "valid": {
            stream.value: session.read(f"valid_{stream}", start, stop).astype(bool).tolist()
            for stream in streams
        },
        "reason": {
            stream.value: [
                names.get(one, str(one)) for one in session.read(f"reason_{stream}", start, stop).tolist()
            ]
            for stream in streams
        },
    }


def _plain(values: NDArray[np.floating]) -> list[float | None]:
    """Return numbers as JSON has them: of as many digits as they have, and null for NaN."""
    numbers = [float(text) for text in values.astype(str).tolist()]
    return [number if math.isfinite(number) else None for number in numbers]


def _npy(pixels: NDArray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(pixels), allow_pickle=False)
    return stream.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file without owner or time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o644, 0
    tar.addfile(member, io.BytesIO(content))
