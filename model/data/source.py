"""Windows of a dataset as batches: which clips there are, their inputs, their targets, and back to frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...capture.streams import Stream
from ...errors import DatasetError
from ...preprocess.dataset.clips import DatasetSession, windows
from .attributes import Attributes
from .classes import Classes
from .features import read_features
from .inputs import InputOptions, SessionPixels, read_pixels, to_input


@dataclass(frozen=True, slots=True)
class ClipIndex:
    """One clip: the number of a session in its source and the first frame."""

    session: int
    start: int


class ClipSource:
    """The sessions of one split, read into memory as their stored integers (83 KB per 96 px frame).

    Attributes
    ----------
    sessions, options, dimensions, classes : as given
    labels : one (F, n_dimensions) float32 per session, in [-1, 1], NaN where unknown

    Raises
    ------
    DatasetError
        A session lacks a stream or a feature set, its crops cannot be brought to the input size, or labels
        are missing.
    """

    def __init__(
        self,
        sessions: Sequence[DatasetSession],
        *,
        options: InputOptions,
        dimensions: Sequence[str],
        classes: Classes | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        self.sessions = tuple(sessions)
        self.options = options
        self.dimensions = tuple(dimensions)
        self.classes = classes
        self.attributes = attributes
        self._features = [read_features(session, options.features) for session in self.sessions]
        if not options.features:
            for session in self.sessions:
                _require_streams(session, options)
        pixels = None if options.features else [read_pixels(session, options) for session in self.sessions]
        self._pixels: list[SessionPixels] = pixels or []
        self.labels = [
            np.stack([session.read(name) for name in self.dimensions], axis=1)
            if self.dimensions
            else np.zeros((session.n_frames, 0), np.float32)
            for session in self.sessions
        ]

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What must be valid in every frame of a clip: the first stream of the network."""
        return (Stream.COLOR if self.options.features else Stream(self.options.modalities[0]),)

    def training_clips(self, phase: np.random.Generator) -> list[ClipIndex]:
        """Return clips that do not overlap, on a grid that starts at random in every session.

        Clips with a frame whose label is unknown or whose first stream is invalid are left out, and so are
        clips without a class where classes are wanted.
        """
        clips = []
        for number, session in enumerate(self.sessions):
            length = self.options.n_frames
            labelled = self.dimensions if self.classes is None else self.classes.made_of
            starts = windows(session, length=length, step=1, labelled=labelled, streams=self.streams)
            free = starts[int(phase.integers(min(length, len(starts))))] if starts else 0
            for start in starts:
                clip = ClipIndex(number, start)
                if start >= free and (self.classes is None or self._class_of(clip) >= 0):
                    clips.append(clip)
                    free = start + length
        return clips

    def test_clips(self) -> list[ClipIndex]:
        """Return clips that overlap by half, as the paper tests (section V-A); labels may be unknown."""
        length = self.options.n_frames
        return [
            ClipIndex(number, start)
            for number, session in enumerate(self.sessions)
            for start in windows(session, length=length, step=max(1, length // 2), streams=self.streams)
        ]

    def inputs(self, clips: Sequence[ClipIndex], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Return what the network sees of `clips`, on `device`; see `Network.forward`."""
        n = self.options.n_frames
        if self.options.features:
            return {
                name: torch.from_numpy(
                    np.stack([self._features[c.session][name][c.start : c.start + n] for c in clips])
                ).to(device)
                for name in self.options.modalities
            }
        parts = [self._pixels[clip.session].clip(clip.start, n) for clip in clips]
        batch = {
            name: to_input(name, [part[name] for part in parts], self.options, device)
            for name in self.options.modalities
        }
        if self.options.landmarks:
            found = np.stack([part["landmarks"].pixels for part in parts])
            batch["landmarks"] = torch.from_numpy(found).to(device)
        return batch

    def targets(
        self, clips: Sequence[ClipIndex], device: torch.device | str = "cpu", *, per_frame: bool = False
    ) -> Tensor:
        """Return the labels of `clips`: (B, n_dimensions) float32, the mean over a clip's frames.

        With `per_frame` (B, T, n_dimensions); with classes (B,) int64.
        """
        n = self.options.n_frames
        if self.classes is not None:
            return torch.tensor([self._class_of(clip) for clip in clips], device=device)
        labels = np.stack([self.labels[clip.session][clip.start : clip.start + n] for clip in clips])
        return torch.from_numpy((labels if per_frame else labels.mean(1)).astype(np.float32)).to(device)

    def attributes_of(
        self, clips: Sequence[ClipIndex], names: Sequence[str], device: torch.device | str = "cpu"
    ) -> Tensor | None:
        """Return (B, len(names)) int64, the class of each demographic attribute, -1 where unknown."""
        if not names or self.attributes is None:
            return None
        rows = [self.attributes.codes(self.sessions[clip.session].subject, names) for clip in clips]
        return torch.tensor(rows, device=device)

    def frame_predictions(
        self, clips: Sequence[ClipIndex], scores: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], ...]:
        """Return one (F, n_outputs) series per session from (n_clips, n_outputs), or (n_clips, T, n_outputs).

        A frame gets the mean of the clips that cover it; a frame that none covers is interpolated from its
        neighbours, as the paper does where the face detector missed. A session without a clip is NaN.
        """
        n, series = self.options.n_frames, []
        n_outputs = scores.shape[-1] if len(scores) else len(self.dimensions)
        for number, session in enumerate(self.sessions):
            total = np.zeros((session.n_frames, n_outputs), np.float64)
            count = np.zeros(session.n_frames)
            for clip, score in zip(clips, scores, strict=True):
                if clip.session == number:
                    total[clip.start : clip.start + n] += score
                    count[clip.start : clip.start + n] += 1
            covered = np.flatnonzero(count)
            if len(covered) == 0:
                series.append(np.full(total.shape, np.nan))
                continue
            mean = total[covered] / count[covered, None]
            frames = np.arange(session.n_frames)
            series.append(np.stack([np.interp(frames, covered, column) for column in mean.T], axis=1))
        return tuple(series)

    def _class_of(self, clip: ClipIndex) -> int:
        if self.classes is None:
            raise DatasetError(f"wanted classes, found none: {self.sessions[clip.session].path}")
        return self.classes.of_clip(
            self.sessions[clip.session], clip.start, clip.start + self.options.n_frames
        )


def _require_streams(session: DatasetSession, options: InputOptions) -> None:
    missing = [name for name in options.modalities if name not in session.streams]
    if missing:
        raise DatasetError(
            f"wanted stream {missing[0]!r} in every session, {session.id!r} has "
            f"{', '.join(session.streams)}; train uran, or name --modalities: {session.path}"
        )
