"""What `mavfer dataset info --json` and `mavfer dataset split --json` print."""

from pathlib import Path
from typing import Any

from ...capture.streams import Stream
from ..dataset.record import DatasetRecord, SplitScheme, read_record
from ..splits.summary import summary_of


def dataset_facts(path: Path, *, split_name: str | None = None) -> dict[str, Any]:
    """Return what is in the dataset at `path`; reads labels and masks, about a millisecond per session.

    Raises
    ------
    DatasetError
        There is no dataset or no such split, or a file is damaged.
    """
    record = read_record(path)
    schemes = (record.scheme(split_name),) if split_name is not None else record.splits
    built = record.built
    return {
        "dataset": path,
        "simulated": record.simulated,
        "n_sessions": len(built),
        "n_subjects": len({entry.subject.casefold() for entry in built}),
        "n_frames": sum(entry.n_frames for entry in built),
        "duration_s": sum(entry.n_frames / entry.fps for entry in built if entry.fps),
        "sessions": [
            {
                "session": entry.id,
                "subject": entry.subject,
                "n_frames": entry.n_frames,
                "fps": entry.fps,
                "streams": entry.streams,
                "aligned_share": entry.aligned_share,
                "n_labelled": entry.labelled,
                "raters": list(entry.raters),
                "rig": entry.rig,
            }
            for entry in built
        ],
        "modalities": {
            stream.value: _reasons(record, stream)
            for stream in Stream
            if any(stream in entry.streams for entry in built)
        },
        "splits": [split_facts(path, record, scheme) for scheme in schemes],
        "not_built": [{"session": entry.id, "problem": entry.error} for entry in record.failed],
        "software": record.software,
        "detector": record.detector,
        "configuration": record.config.model_dump(mode="json"),
    }


def split_facts(path: Path, record: DatasetRecord, scheme: SplitScheme) -> dict[str, Any]:
    """Return one split of a dataset: who lies in which part, and how the labels of the parts spread."""
    return {
        "name": scheme.name,
        "by": scheme.by,
        "seed": scheme.seed,
        "balanced_on": scheme.balanced_on,
        "parts": [
            {
                "part": one.split,
                "fold": one.fold,
                "subjects": one.subjects,
                "n_frames": one.n_frames,
                "n_clips": one.n_clips,
                "mean": one.mean,
                "spread": one.spread,
            }
            for one in summary_of(path, record, scheme)
        ],
    }


def _reasons(record: DatasetRecord, stream: Stream) -> dict[str, int]:
    """Return how many frames of a stream are as they are for which reason."""
    counts: dict[str, int] = {}
    for entry in record.built:
        for reason, n_frames in entry.reasons.get(stream, {}).items():
            counts[reason] = counts.get(reason, 0) + n_frames
    return counts
