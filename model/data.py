"""Windows of a dataset as network inputs: which clips, how pixels become numbers, and augmentation.

Pixels stay uint8 and uint16 until a batch is together; then every stream becomes (B, T, C, H, W) float32.
Missing readings and invalid frames are 0, which is each stream's neutral value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..capture.streams import Stream
from ..errors import DatasetError, ModelError
from ..preprocess.dataset.clips import DatasetSession, windows

COLOR_SCALE = 64.0  # of 255: what expressions change; from gray, 127.5 makes it [-1, 1]
DEPTH_SCALE_MM = 100.0  # a face is about 120 mm deep
THERMAL_CENTER_C = 33.0  # skin of the face in a room
THERMAL_SCALE_C = 2.5
INFRARED_SCALE = 1.0  # of the session's median, in octaves
LIMIT = 2.0  # background, far behind and cold, is clipped here


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """How pixels become network inputs.

    Attributes
    ----------
    modalities : streams to read, color first
    n_frames : frames per clip
    size_px : side of the network's input; larger crops are averaged down to it
    color_reference : color is counted from the "session"'s mean face, pixel by pixel, so that identity and
        light, which differ far more than expressions do, are not in the way; or from "gray" as it is
    depth_reference : depth is counted from the median face depth of the "session", which keeps that a
        subject leans forward and drops where they sit, or of the "frame", which drops both
    thermal_reference : temperature is counted from a "fixed" 33 degC, or from the median face temperature
        of the "session", which drops that people differ but keeps level and contrast within a session
    """

    modalities: tuple[str, ...]
    n_frames: int = 16
    size_px: int = 96
    color_reference: Literal["session", "gray"] = "session"
    depth_reference: Literal["session", "frame"] = "session"
    thermal_reference: Literal["fixed", "session"] = "session"


@dataclass(frozen=True, slots=True)
class ClipIndex:
    """One clip: the number of a session in its source and the first frame."""

    session: int
    start: int


class ClipSource:
    """The sessions of one split, read into memory as their stored integers (83 KB per 96 px frame).

    Raises
    ------
    DatasetError
        A session lacks a stream, its crops cannot be brought to the input size, or labels are missing.
    """

    def __init__(
        self, sessions: Sequence[DatasetSession], *, options: InputOptions, dimensions: Sequence[str]
    ) -> None:
        self.sessions = tuple(sessions)
        self.options = options
        self.dimensions = tuple(dimensions)
        for session in self.sessions:
            missing = [name for name in options.modalities if name not in session.streams]
            if missing:
                raise DatasetError(
                    f"wanted stream {missing[0]!r} in every session, {session.id!r} has "
                    f"{', '.join(session.streams)}; train uran, or name --modalities: {session.path}"
                )
        self._pixels = [_read_pixels(session, options) for session in self.sessions]
        self.labels = [
            np.stack([session.read(name) for name in self.dimensions], axis=1) for session in self.sessions
        ]  # each (F, n_dimensions) float32

    def training_clips(self, phase: np.random.Generator) -> list[ClipIndex]:
        """Return clips that do not overlap, on a grid that starts at random in every session.

        Clips with a frame whose label is unknown or whose color is invalid are left out.
        """
        clips = []
        for number, session in enumerate(self.sessions):
            length = self.options.n_frames
            starts = windows(session, length=length, step=1, labelled=self.dimensions)
            free = starts[int(phase.integers(min(length, len(starts))))] if starts else 0
            for start in starts:
                if start >= free:
                    clips.append(ClipIndex(number, start))
                    free = start + length
        return clips

    def test_clips(self) -> list[ClipIndex]:
        """Return clips that overlap by half, as the paper tests (section V-A); labels may be unknown."""
        length = self.options.n_frames
        return [
            ClipIndex(number, start)
            for number, session in enumerate(self.sessions)
            for start in windows(session, length=length, step=length // 2)
        ]

    def inputs(self, clips: Sequence[ClipIndex], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Return the streams of `clips`, each (B, T, C, H, W) float32 on `device`."""
        batch = {}
        for name in self.options.modalities:
            pixels = torch.from_numpy(np.stack([self._frames_of(clip, name) for clip in clips])).to(device)
            if name == Stream.COLOR:
                mean = np.stack([self._pixels[clip.session].mean_face for clip in clips])
                scale = COLOR_SCALE if self.options.color_reference == "session" else 127.5
                x = (pixels.float() - torch.from_numpy(mean).to(device)[:, None]) / scale
                x = x.clamp(-LIMIT, LIMIT).permute(0, 1, 4, 2, 3)
            else:
                reference = np.stack([self._frames_of(clip, name, reference=True) for clip in clips])
                x = _gray_input(name, pixels, torch.from_numpy(reference).to(device))[:, :, None]
            batch[name] = _shrink(x, self.options.size_px)
        return batch

    def _frames_of(self, clip: ClipIndex, name: str, *, reference: bool = False) -> NDArray:
        pixels = self._pixels[clip.session]
        column = pixels.references[name] if reference else pixels.frames[name]
        return column[clip.start : clip.start + self.options.n_frames]

    def targets(self, clips: Sequence[ClipIndex], device: torch.device | str = "cpu") -> Tensor:
        """Return (B, n_dimensions) float32: a clip's label is the mean of its frames' labels."""
        n = self.options.n_frames
        labels = [self.labels[clip.session][clip.start : clip.start + n].mean(0) for clip in clips]
        return torch.from_numpy(np.stack(labels).astype(np.float32)).to(device)

    def frame_predictions(
        self, clips: Sequence[ClipIndex], scores: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], ...]:
        """Return one (F, n_dimensions) series per session from one score per clip.

        A frame gets the mean of the clips that cover it; a frame that none covers is interpolated from its
        neighbours, as the paper does where the face detector missed. A session without a clip is NaN.
        """
        series = []
        for number, labels in enumerate(self.labels):
            total = np.zeros(labels.shape, np.float64)
            count = np.zeros(len(labels))
            for clip, score in zip(clips, scores, strict=True):
                if clip.session == number:
                    total[clip.start : clip.start + self.options.n_frames] += score
                    count[clip.start : clip.start + self.options.n_frames] += 1
            covered = np.flatnonzero(count)
            if len(covered) == 0:
                series.append(np.full(labels.shape, np.nan))
                continue
            mean = total[covered] / count[covered, None]
            frames = np.arange(len(labels))
            series.append(np.stack([np.interp(frames, covered, column) for column in mean.T], axis=1))
        return tuple(series)


def augment(inputs: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Return `inputs` flipped, and with other light on the color stream, by chance.

    A clip's flip is shared by its frames and streams. Contrast, brightness and color gains are drawn once
    per clip and touch color alone: depth and temperature are measurements.
    """
    batch = dict(inputs)
    color = batch["color"]
    n = len(color)
    gain = 1 + 0.2 * (2 * torch.rand(n, 1, 3, 1, 1, generator=generator) - 1) * 0.5
    contrast = 1 + 0.3 * (2 * torch.rand(n, 1, 1, 1, 1, generator=generator) - 1)
    brightness = 0.2 * (2 * torch.rand(n, 1, 1, 1, 1, generator=generator) - 1)
    flip = torch.rand(n, generator=generator) < 0.5
    to = color.device
    batch["color"] = (color * (contrast * gain).to(to) + brightness.to(to)).clamp(-LIMIT, LIMIT)
    mask = flip.to(to)[:, None, None, None, None]
    return {name: torch.where(mask, stream.flip(-1), stream) for name, stream in batch.items()}


@dataclass(frozen=True, slots=True)
class _Pixels:
    """One session's stored integers, and what each frame's depth, heat or infrared is counted from."""

    frames: dict[str, NDArray]
    mean_face: NDArray[np.float32]  # (S, S, 3), or gray
    references: dict[str, NDArray[np.float32]]


def _read_pixels(session: DatasetSession, options: InputOptions) -> _Pixels:
    frames, references = {}, {}
    for name in options.modalities:
        pixels = session.read(name)
        if pixels.shape[1] % options.size_px:
            raise DatasetError(
                f"wanted crops whose side is a multiple of {options.size_px} px, "
                f"found {pixels.shape[1]} px: {session.path}"
            )
        valid = session.read(f"valid_{name}").astype(bool)
        if name != "color":
            pixels = np.where(valid[:, None, None], pixels, pixels.dtype.type(0))
            references[name] = _reference(name, pixels, options)
        frames[name] = pixels
    mean_face = np.full(frames["color"].shape[1:], 127.5, np.float32)
    seen = session.read("valid_color").astype(bool)
    if options.color_reference == "session" and seen.any():
        mean_face = frames["color"][seen].mean(0, dtype=np.float32)
    return _Pixels(frames, mean_face, references)


def _reference(name: str, pixels: NDArray, options: InputOptions) -> NDArray[np.float32]:
    """Return (F,) float32 in stored units: the face's median in the middle of the crop, or a constant."""
    n_frames = len(pixels)
    if name == Stream.THERMAL and options.thermal_reference == "fixed":
        return np.full(n_frames, (THERMAL_CENTER_C + 273.15) * 100, np.float32)
    quarter = pixels.shape[1] // 4
    face = pixels[:, quarter:-quarter, quarter:-quarter].reshape(n_frames, -1)
    per_frame = np.array([np.median(row[row > 0]) if row.any() else np.nan for row in face], np.float32)
    if name == Stream.DEPTH and options.depth_reference == "frame":
        return np.nan_to_num(per_frame, nan=0.0)
    median = np.nanmedian(per_frame) if np.isfinite(per_frame).any() else 0.0
    return np.full(n_frames, median, np.float32)


def _gray_input(name: str, pixels: Tensor, reference: Tensor) -> Tensor:
    """Return (B, T, S, S) float32 from (B, T, S, S) uint16 and what each frame is counted from (B, T)."""
    values = pixels.float()
    reference = reference[..., None, None]
    if name == Stream.DEPTH:
        x = (values - reference) / DEPTH_SCALE_MM
    elif name == Stream.THERMAL:
        x = (values - reference) / (100 * THERMAL_SCALE_C)
    elif name == Stream.INFRARED:
        x = torch.log2(values.clamp(min=1) / reference.clamp(min=1)) / INFRARED_SCALE
    else:
        raise ModelError(f"wanted a stream of depth, thermal or infrared, found {name!r}")
    return torch.where(pixels.int() > 0, x.clamp(-LIMIT, LIMIT), 0.0)


def _shrink(x: Tensor, size_px: int) -> Tensor:
    """Return (B, T, C, S, S) averaged down to `size_px`."""
    factor = x.shape[-1] // size_px
    if factor == 1:
        return x
    return functional.avg_pool2d(x.flatten(0, 1), factor).unflatten(0, x.shape[:2])
