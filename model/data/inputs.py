"""How stored pixels become network inputs: scales, references, and one session's pixels in memory.

Pixels stay uint8 and uint16 until a batch is together. Missing readings and invalid frames are 0, which is
each stream's neutral value; invalid frames of color, which are held as integers of their reference, are 0 but
for the rounding, 0.008 at the most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...capture.streams import Stream
from ...config import StrictModel
from ...errors import DatasetError, ModelError
from ...preprocess.dataset.clips import DatasetSession

COLOR_SCALE = 64.0  # of 255: what expressions change; from gray, 127.5 makes it [-1, 1]
DEPTH_SCALE_MM = 100.0  # a face is about 120 mm deep
THERMAL_CENTER_C = 33.0  # skin of the face in a room
THERMAL_SCALE_C = 2.5
INFRARED_SCALE = 1.0  # of the session's median, in octaves
LIMIT = 2.0  # background, far behind and cold, is clipped here


class InputOptions(StrictModel):
    """How pixels become network inputs.

    Attributes
    ----------
    modalities : streams to read, color first; or names of `features`
    n_frames : frames per clip
    size_px : side of the network's input; larger crops are averaged down to it
    color_reference : color is counted from the "session"'s mean face, pixel by pixel, so that identity and
        light, which differ far more than expressions do, are not in the way; or from "gray" as it is
    depth_reference : depth is counted from the median face depth of the "session", which keeps that a
        subject leans forward and drops where they sit, or of the "frame", which drops both
    thermal_reference : temperature is counted from a "fixed" 33 degC, or from the median face temperature
        of the "session", which drops that people differ but keeps level and contrast within a session
    landmarks : whether the network is given the 68 landmarks too
    features : {modality: folder of a feature set, absolute}, for networks that see those in place of pixels
    """

    modalities: tuple[str, ...] = ("color", "depth", "thermal")
    n_frames: int = Field(default=16, ge=4)
    size_px: int = Field(default=96, ge=16)
    color_reference: Literal["session", "gray"] = "session"
    depth_reference: Literal["session", "frame"] = "session"
    thermal_reference: Literal["fixed", "session"] = "session"
    landmarks: bool = False
    features: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamPixels:
    """Frames of one stream as stored, and what they are counted from.

    Attributes
    ----------
    pixels : (F, S, S, 3) uint8 or (F, S, S) uint16; of landmarks (F, 68, 2) float32 in [0, 1], NaN unknown
    reference : of color the mean face (S, S, 3) float32; else (F,) float32 in stored units
    """

    pixels: NDArray
    reference: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SessionPixels:
    """One session's streams in memory."""

    streams: dict[str, StreamPixels]

    def clip(self, start: int, n_frames: int) -> dict[str, StreamPixels]:
        """Return the frames from `start` on of every stream; nothing is copied."""
        frames = slice(start, start + n_frames)
        return {
            name: StreamPixels(
                one.pixels[frames], one.reference if name == Stream.COLOR else one.reference[frames]
            )
            for name, one in self.streams.items()
        }


def read_pixels(session: DatasetSession, options: InputOptions) -> SessionPixels:
    """Return the streams of `session` that `options` names.

    Raises
    ------
    DatasetError
        Its crops cannot be averaged down to the input size.
    """
    streams = {}
    for name in options.modalities:
        pixels = session.read(name)
        if pixels.shape[1] % options.size_px:
            raise DatasetError(
                f"wanted crops whose side is a multiple of {options.size_px} px, "
                f"found {pixels.shape[1]} px: {session.path}"
            )
        valid = session.read(f"valid_{name}").astype(bool)
        if name == Stream.COLOR:
            reference = mean_face(pixels, valid, options)
            blank_color(pixels, valid, reference)
            streams[name] = StreamPixels(pixels, reference)
        else:
            pixels = np.where(valid[:, None, None], pixels, pixels.dtype.type(0))
            streams[name] = StreamPixels(pixels, gray_reference(name, pixels, options))
    if options.landmarks:
        streams["landmarks"] = StreamPixels(_landmarks(session), np.zeros(session.n_frames, np.float32))
    return SessionPixels(streams)


def blank_color(pixels: NDArray[np.uint8], valid: NDArray[np.bool_], reference: NDArray[np.float32]) -> None:
    """Put the reference (S, S, 3), rounded, in the place of frames (F, S, S, 3) that are not `valid` (F,)."""
    if not valid.all():
        pixels[~valid] = np.rint(reference).astype(np.uint8)


def to_input(
    name: str, parts: Sequence[StreamPixels], options: InputOptions, device: torch.device | str
) -> Tensor:
    """Return one stream of a batch, (B, T, C, S, S) float32 on `device`; integers until it is there."""
    pixels = torch.from_numpy(np.stack([part.pixels for part in parts])).to(device)
    reference = torch.from_numpy(np.stack([part.reference for part in parts])).to(device)
    if name == Stream.COLOR:
        scale = COLOR_SCALE if options.color_reference == "session" else 127.5
        x = (pixels.float() - reference[:, None]) / scale
        x = x.clamp(-LIMIT, LIMIT).permute(0, 1, 4, 2, 3)
    else:
        x = _gray_input(name, pixels, reference)[:, :, None]
    return _shrink(x, options.size_px)


def mean_face(
    frames: NDArray[np.uint8], valid: NDArray[np.bool_], options: InputOptions
) -> NDArray[np.float32]:
    """Return (S, S, 3) float32: the mean of the valid frames, or gray."""
    if options.color_reference == "session" and valid.any():
        return frames[valid].mean(0, dtype=np.float32)
    return np.full(frames.shape[1:], 127.5, np.float32)


def gray_reference(name: str, pixels: NDArray, options: InputOptions) -> NDArray[np.float32]:
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


def _landmarks(session: DatasetSession) -> NDArray[np.float32]:
    """Return (F, 68, 2) float32 in shares of the crop, NaN where the face was not found."""
    side_px = session.read("color", 0, 1).shape[1]
    points = session.read("landmarks").astype(np.float64)
    transforms = session.read("transforms").astype(np.float64)
    valid = session.read(f"valid_{Stream.COLOR}").astype(bool)
    return landmarks_in_crop(points, transforms, valid, side_px=side_px)


def landmarks_in_crop(
    points: NDArray[np.float64], transforms: NDArray[np.float64], valid: NDArray[np.bool_], *, side_px: int
) -> NDArray[np.float32]:
    """Return landmarks (F, 68, 2) in shares of the crop, NaN where `valid` (F,) is False or none are known.

    Parameters
    ----------
    points : (F, 68, 2) color pixels, 0 where no face;  transforms : (F, 2, 3) crop from color pixels
    """
    found = (points != 0).any(axis=(1, 2)) & valid
    in_crop = np.einsum("fij,fnj->fni", transforms[:, :, :2], points) + transforms[:, None, :, 2]
    return np.where(found[:, None, None], (in_crop + 0.5) / side_px, np.nan).astype(np.float32)


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
