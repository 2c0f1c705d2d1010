"""The MuSe-Wild network: a recurrence and self-attention over per-frame features, a score per frame.

Sun et al., "Multi-modal Continuous Dimensional Emotion Recognition Using Recurrent Neural Network and
Self-Attention Mechanism", MuSe 2020. Only its abstract says what is built; the sizes are readings: two
bidirectional LSTM layers of 64, four attention heads with residual and layer norm, windows of 300 steps.
The challenge's features come every 0.25 s, so 300 steps are 75 s, and 300 frames of a dataset at 4 fps.
Its hop of 50 steps is read as training on windows of every phase: the trainer lays a grid of windows that
starts elsewhere in every epoch. Feature sets are concatenated before the recurrence (early fusion); late
fusion joins the predictions of several runs, see evaluation/fusing.py.
"""

from collections.abc import Mapping
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from .family import Family, Preset
from .layers import last_activation, xavier
from .network import Network, NetworkOptions
from .sequence import SelfAttention


class MuseOptions(NetworkOptions):
    """The choices of the MuSe-Wild network.

    Attributes
    ----------
    modalities : names of feature sets
    feature_sizes : {feature set: values per frame}
    hidden : of each direction of the LSTM;  n_layers : of the LSTM
    n_heads : of the self-attention; 0 leaves it out
    dropout : between the layers
    """

    modalities: tuple[str, ...] = ("features",)
    feature_sizes: dict[str, int] = Field(default_factory=lambda: {"features": 64})
    n_frames: int = Field(default=300, ge=4, le=512)
    hidden: int = Field(default=64, ge=1)
    n_layers: int = Field(default=2, ge=1)
    n_heads: int = Field(default=4, ge=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        missing = [name for name in self.modalities if self.feature_sizes.get(name, 0) < 1]
        if missing:
            raise ValueError(f"wanted the size of feature set {missing[0]!r} in feature_sizes, found none")
        if self.n_heads and (2 * self.hidden) % self.n_heads:
            raise ValueError(f"wanted n_heads that divides {2 * self.hidden}, found {self.n_heads}")
        return self


class Muse(Network):
    """Features in, a score per frame out; a class is told by the mean logits of the frames."""

    def __init__(self, options: MuseOptions) -> None:
        super().__init__(options)
        self.options: MuseOptions = options
        self.per_frame = options.output != "classes"
        sizes = [options.feature_sizes[name] for name in options.modalities]
        self.norm_in = nn.BatchNorm1d(sum(sizes), affine=False)  # each feature by its own mean and spread
        self.recurrence = nn.LSTM(
            sum(sizes),
            options.hidden,
            num_layers=options.n_layers,
            bidirectional=True,
            batch_first=True,
            dropout=options.dropout if options.n_layers > 1 else 0.0,
        )
        width = 2 * options.hidden
        self.attention = None
        if options.n_heads:
            self.attention = SelfAttention(width, n_heads=options.n_heads, dropout=options.dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(options.dropout)
        self.head = xavier(nn.Linear(width, options.n_outputs))
        self.last = last_activation(options.output)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, n_outputs) float32, or logits (B, n_classes), from {feature set: (B, T, D)}."""
        x = torch.cat([inputs[name] for name in self.options.modalities], dim=-1)  # (B, T, sum of D)
        x = self.norm_in(x.transpose(1, 2)).transpose(1, 2)
        x, _ = self.recurrence(self.dropout(x))  # (B, T, 128)
        if self.attention is not None:
            x = x + self.attention(x)  # (B, T, 128)
        scores = self.head(self.dropout(self.norm(x))).float()  # (B, T, n_outputs)
        return self.last(scores) if self.per_frame else scores.mean(1)


MUSE_FAMILY = Family(
    options=MuseOptions,
    new=Muse,
    presets={
        "full": Preset(steps=3000, batch=8, lr=1e-3, loss="ccc"),
        "small": Preset(options={"n_frames": 64}, steps=600, batch=8, lr=1e-3, loss="ccc"),
    },
    modalities=(),
    of_features=True,
)
