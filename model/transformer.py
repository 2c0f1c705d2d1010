"""A small video transformer over all streams: tubelets of every stream, divided space-time attention.

Streams are cut into tubelets, a patch over a few frames, which become tokens; a learned vector says of which
stream and place a token is, sines say when (ViViT's tubelets, Arnab et al., ICCV 2021; TimeSformer's
attention, Bertasius et al., ICML 2021). Every token sees the tokens of all streams, so streams meet in every
block. masked.py pre-trains it without labels. Shapes at the line ends are those of "full", three streams.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from .family import Family, Preset
from .layers import last_activation, xavier
from .network import CHANNELS, Network, NetworkOptions
from .sequence import DividedBlock, wave_positions


class TransformerOptions(NetworkOptions):
    """The choices of the transformer.

    Attributes
    ----------
    patch_px, patch_frames : size of a tubelet
    n_values : D, values per token;  n_blocks, n_heads : depth, and heads of each attention
    stem : what makes a token of a tubelet: "conv", convolutions of stride 2, which see a little beyond it
        and learn from few clips (Xiao et al., NeurIPS 2021), or one "linear" layer (Dosovitskiy et al., 2021)
    score : one per "clip", or one per "frame"
    dropout : in the blocks and before the last layer
    """

    patch_px: int = Field(default=16, ge=4)
    patch_frames: int = Field(default=2, ge=1)
    n_values: int = Field(default=192, ge=8, multiple_of=8)
    n_blocks: int = Field(default=6, ge=1)
    n_heads: int = Field(default=6, ge=1)
    stem: Literal["conv", "linear"] = "conv"
    score: Literal["clip", "frame"] = "clip"
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        unknown = [name for name in self.modalities if name not in CHANNELS]
        if unknown:
            raise ValueError(f"wanted modalities of {', '.join(CHANNELS)}, found {unknown[0]!r}")
        if self.size_px % self.patch_px:
            raise ValueError(f"wanted size_px to be a multiple of {self.patch_px}, found {self.size_px}")
        if self.n_frames % self.patch_frames:
            raise ValueError(
                f"wanted n_frames to be a multiple of {self.patch_frames}, found {self.n_frames}"
            )
        if self.n_values % self.n_heads:
            raise ValueError(f"wanted n_heads that divides {self.n_values}, found {self.n_heads}")
        if self.stem == "conv" and self.patch_px & (self.patch_px - 1):
            raise ValueError(f"wanted patch_px to be a power of 2 for stem 'conv', found {self.patch_px}")
        return self

    @property
    def n_places(self) -> int:
        """Tubelets per stream and time, N."""
        return (self.size_px // self.patch_px) ** 2

    @property
    def n_times(self) -> int:
        """Tubelets per stream and place, T'."""
        return self.n_frames // self.patch_frames


class VideoTransformer(Network):
    """Streams in, scores out; the mean over all tokens is what the last layer sees."""

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__(options)
        self.options: TransformerOptions = options
        self.per_frame = options.score == "frame" and options.output != "classes"
        d = options.n_values
        self.stems = nn.ModuleDict({name: _stem(CHANNELS[name], options) for name in options.modalities})
        self.stem_norms = nn.ModuleDict({name: nn.LayerNorm(d) for name in options.modalities})
        self.place = nn.Parameter(nn.init.trunc_normal_(torch.empty(options.n_places, d), std=0.02))
        self.stream = nn.Parameter(nn.init.trunc_normal_(torch.empty(len(options.modalities), d), std=0.02))
        self.blocks = nn.ModuleList(
            DividedBlock(d, n_heads=options.n_heads, dropout=options.dropout) for _ in range(options.n_blocks)
        )
        self.norm = nn.LayerNorm(d)
        self.dropout = nn.Dropout(options.dropout)
        self.head = xavier(nn.Linear(d, options.n_outputs))
        self.last = last_activation(options.output)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, n_outputs) float32, or (B, T, n_outputs) where `per_frame`."""
        x = self.encode(self.tokens(inputs)).mean(2)  # (B, 8, 192)
        x = x.repeat_interleave(self.options.patch_frames, 1) if self.per_frame else x.mean(1)
        return self.last(self.head(self.dropout(x)).float())

    def frame_features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, M * D) float32: per frame, the mean token of each stream."""
        x = self.encode(self.tokens(inputs))  # (B, 8, 3*36, 192)
        x = x.unflatten(2, (len(self.options.modalities), -1)).mean(3).flatten(2)  # (B, 8, 3*192)
        return x.repeat_interleave(self.options.patch_frames, 1).float()

    def tokens(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T', M * N, D): the tubelets of all streams, the streams' one after another."""
        time = wave_positions(self.options.n_times, self.options.n_values, device=self.place.device)
        found = []
        for number, name in enumerate(self.options.modalities):
            x = self.stem_norms[name](self.stems[name](inputs[name]))  # (B, 8, 36, 192)
            found.append(x + self.place + self.stream[number] + 0.1 * time[:, None])
        return torch.cat(found, dim=2)  # (B, 8, 3*36, 192)

    def encode(self, tokens: Tensor) -> Tensor:
        """Return (B, T', K, D) from (B, T', K, D): of all tokens, or of those that are left unmasked."""
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class ConvStem(nn.Module):
    """Convolutions of stride 2 over each frame, then one layer over the frames of a tubelet."""

    def __init__(self, in_channels: int, options: TransformerOptions) -> None:
        super().__init__()
        n_convs = options.patch_px.bit_length() - 1
        channels = [in_channels, *(max(8, options.n_values >> n) for n in range(n_convs, 0, -1))]
        self.convs = nn.ModuleList(
            xavier(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), gain=2**0.5)
            for n_in, n_out in pairwise(channels)
        )
        self.patch_frames = options.patch_frames
        self.out = xavier(nn.Linear(options.patch_frames * channels[-1], options.n_values))

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, T', N, D) from (B, T, C, S, S)."""
        x = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            x = functional.relu(conv(x))  # (B*T, 96, 6, 6) at the last
        x = x.flatten(2).unflatten(0, (len(frames), -1, self.patch_frames))  # (B, 8, 2, 96, 36)
        return self.out(x.permute(0, 1, 4, 2, 3).flatten(3))  # (B, 8, 36, 192)


class LinearStem(nn.Module):
    """One layer over the pixels of a tubelet."""

    def __init__(self, in_channels: int, options: TransformerOptions) -> None:
        super().__init__()
        self.patch_px, self.patch_frames = options.patch_px, options.patch_frames
        n_pixels = in_channels * options.patch_frames * options.patch_px**2
        self.out = xavier(nn.Linear(n_pixels, options.n_values))

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, T', N, D) from (B, T, C, S, S)."""
        return self.out(tubelets(frames, px=self.patch_px, n_frames=self.patch_frames))


def tubelets(frames: Tensor, *, px: int, n_frames: int) -> Tensor:
    """Return (B, T / n_frames, N, n_frames * C * px * px), the pixels of each tubelet, of (B, T, C, S, S)."""
    b, t, c, s, _ = frames.shape
    cut = frames.reshape(b, t // n_frames, n_frames, c, s // px, px, s // px, px)
    return cut.permute(0, 1, 4, 6, 2, 3, 5, 7).flatten(4).flatten(2, 3)


def _stem(in_channels: int, options: TransformerOptions) -> nn.Module:
    kind = ConvStem if options.stem == "conv" else LinearStem
    return kind(in_channels, options)


TRANSFORMER_FAMILY = Family(
    options=TransformerOptions,
    new=VideoTransformer,
    presets={
        "full": Preset(steps=6000, batch=8, lr=3e-4),
        "small": Preset(
            options={"size_px": 48, "patch_px": 8, "n_values": 64, "n_blocks": 3, "n_heads": 4},
            steps=800,
            batch=4,
            lr=7e-4,
        ),
    },
    modalities=("color", "depth", "thermal"),
)
