"""MRAN's emotion recognition networks (Table I, last block), which its ablations and early fusion share.

Lee, Kim, Kim and Sohn, "Multi-modal Recurrent Attention Networks for Facial Expression Recognition", IEEE
TIP 2020. Channels and shapes at the line ends are those of width 1 and 16 frames of 96 px.
"""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from .layers import Conv3d, last_activation, scaled, xavier
from .network import CHANNELS, NetworkOptions


class RecognitionOptions(NetworkOptions):
    """What the networks that end in `EmotionRecognition` are told.

    Attributes
    ----------
    n_frames : 4 to 32, as in Fig. 11; 16 is Table I to the letter
    size_px : side of the input frames, a multiple of 16; 96 makes fc1 of Table I fit (9216 = 256 * 1 * 6 * 6)
    n_outputs : 1 as in Table I, 2 to predict valence and arousal together, or one per class
    width : factor on the channels of Table I
    dropout : between the fully connected layers
    xavier_gain : "relu" draws layers before a ReLU with Xavier's gain for it, sqrt(2), so that the signal
        keeps its size through six of them; "one" draws all layers alike
    """

    n_frames: int = Field(default=16, ge=4, le=32)
    size_px: int = Field(default=96, ge=32, le=512, multiple_of=16)
    width: float = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    xavier_gain: Literal["relu", "one"] = "relu"

    @property
    def relu_gain(self) -> float:
        """The gain with which layers before a ReLU are drawn."""
        return nn.init.calculate_gain("relu") if self.xavier_gain == "relu" else 1.0

    @property
    def n_channels(self) -> int:
        """Channels of all streams together."""
        return sum(CHANNELS[name] for name in self.modalities)

    @model_validator(mode="after")
    def _of_pixels(self) -> Self:
        unknown = [name for name in self.modalities if name not in CHANNELS]
        if unknown:
            raise ValueError(f"wanted modalities of {', '.join(CHANNELS)}, found {unknown[0]!r}")
        return self


class EmotionRecognition(nn.Module):
    """The 3D-CNN from (attention-boosted) features to the scores, or to logits of classes.

    conv4 is printed with 256 channels in; pool3 has 128, so it takes 128. A pooling halves time as long as
    there is more than one frame left, so any T from 4 on works; T = 16 is Table I to the letter.

    Parameters
    ----------
    n_pools : convolutions, each with its pooling: 4 in Table I, 3 in the text
    size_px : side of the features that come in, which is not that of the frames in the text's reading
    """

    def __init__(self, options: RecognitionOptions, *, n_pools: int = 4, size_px: int | None = None) -> None:
        super().__init__()
        width, gain, size_px = options.width, options.relu_gain, size_px or options.size_px
        channels = [scaled(n, width) for n in (32, 32, 64, 128, 256)][: n_pools + 1]
        self.convs = nn.ModuleList(
            xavier(Conv3d(n_in, n_out), gain=gain) for n_in, n_out in pairwise(channels)
        )
        n_left = max(1, options.n_frames >> n_pools) * (size_px >> n_pools) ** 2  # 1 * 6 * 6
        self.fc1 = xavier(nn.Linear(channels[-1] * n_left, scaled(1024, width)), gain=gain)
        self.dropout = nn.Dropout(options.dropout)
        self.fc2 = xavier(nn.Linear(scaled(1024, width), options.n_outputs))
        self.output = last_activation(options.output)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:  # (B, 32, T, 96, 96) -> (B, 256, T/16, 6, 6)
            x = functional.max_pool3d(functional.relu(conv(x)), (min(2, x.shape[2]), 2, 2))
        x = functional.relu(self.fc1(x.flatten(1)))  # (B, 1024)
        return self.output(self.fc2(self.dropout(x)).float())  # (B, n_outputs)
