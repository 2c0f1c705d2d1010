"""CNN and CNN + RNN of Khorrami, Le Paine, Brady, Dagli and Huang, ICIP 2016 (arXiv 1602.07377).

"How deep neural networks can improve emotion recognition on video data": a CNN scores single frames, and a
recurrence reads its features over time. Only the abstract is at hand; what follows is from memory,
unverified: frames of 96 px; three convolutions of 5x5 with 64, 128 and 256 filters, each with a ReLU; max
poolings of 2x2 after the first two, quadrant pooling after the third; one fully connected layer of 300
units; a linear regression on top; on the 300 features, a recurrence of 100 ReLU units per layer, in up to
three layers.

The readings taken: convolutions keep the size (zeros around); a quadrant's maximum is taken; the last
activation is the house's `output`, tanh unless said otherwise; CNN and RNN are trained together, with Adam,
over clips of 4 s, where the paper trains the CNN first. B clips, T frames; shapes are those of width 1 and
96 px.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from .family import Family, Preset
from .layers import last_activation, over_time, scaled, xavier
from .mran import SMALL
from .network import Network
from .recognition import RecognitionOptions


class CnnOptions(RecognitionOptions):
    """What the CNN is told; several streams are stacked as channels.

    Attributes
    ----------
    dropout : before the last layer
    """

    modalities: tuple[str, ...] = ("color",)
    n_frames: int = Field(default=16, ge=4, le=512)


class CnnRnnOptions(CnnOptions):
    """What the CNN + RNN is told.

    Attributes
    ----------
    n_layers, n_hidden : of the recurrence; the paper tries 1 to 3 layers
    nonlinearity : of the recurrence
    """

    n_layers: int = Field(default=1, ge=1, le=8)
    n_hidden: int = Field(default=100, ge=1)
    nonlinearity: Literal["relu", "tanh"] = "relu"


class FrameFeatures(nn.Module):
    """Three convolutions and a fully connected layer: (N, C, 96, 96) to (N, 300)."""

    def __init__(self, options: CnnOptions) -> None:
        super().__init__()
        c64, c128, c256 = (scaled(n, options.width) for n in (64, 128, 256))
        gain, self.n_features = options.relu_gain, scaled(300, options.width)
        self.conv1 = xavier(nn.Conv2d(options.n_channels, c64, 5, padding=2), gain=gain)
        self.conv2 = xavier(nn.Conv2d(c64, c128, 5, padding=2), gain=gain)
        self.conv3 = xavier(nn.Conv2d(c128, c256, 5, padding=2), gain=gain)
        self.fc = xavier(nn.Linear(4 * c256, self.n_features), gain=gain)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames.contiguous(memory_format=torch.channels_last)
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)  # (N, 64, 48, 48)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)  # (N, 128, 24, 24)
        x = functional.relu(self.conv3(x))  # (N, 256, 24, 24)
        x = functional.max_pool2d(x, x.shape[-1] // 2)  # (N, 256, 2, 2), one value per quadrant
        return functional.relu(self.fc(x.flatten(1)))  # (N, 300)


class KhorramiCNN(Network):
    """The CNN: every frame by itself; of classes the mean of the frames' logits.

    Parameters
    ----------
    n_hidden : values per frame that the last layer sees, where those are not the features themselves
    """

    options: CnnOptions

    def __init__(self, options: CnnOptions, *, n_hidden: int | None = None) -> None:
        super().__init__(options)
        self.per_frame = options.output != "classes"
        self.frame = FrameFeatures(options)
        self.dropout = nn.Dropout(options.dropout)
        self.head = xavier(nn.Linear(n_hidden or self.frame.n_features, options.n_outputs))
        self.output = last_activation(options.output)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, n_outputs) float32 scores, or (B, n_classes) logits.

        `inputs` are streams of (B, T, C, H, W) float32.
        """
        x = torch.cat([inputs[name] for name in self.options.modalities], dim=2)  # (B, T, 3, 96, 96)
        x = self.read(over_time(self.frame, x))  # (B, T, 300)
        scores = self.output(self.head(self.dropout(x)).float())  # (B, T, n_outputs)
        return scores if self.per_frame else scores.mean(1)

    def read(self, features: Tensor) -> Tensor:
        """Return what the last layer sees of (B, T, n_features); the CNN alone has no memory."""
        return features


class KhorramiCNNRNN(KhorramiCNN):
    """The CNN with a recurrence over its features; the score of a frame knows the frames before it."""

    def __init__(self, options: CnnRnnOptions) -> None:
        super().__init__(options, n_hidden=options.n_hidden)
        self.recurrence = nn.RNN(
            self.frame.n_features,
            options.n_hidden,
            options.n_layers,
            nonlinearity=options.nonlinearity,
            batch_first=True,
        )
        for name, weight in self.recurrence.named_parameters():
            if "bias" in name:
                nn.init.zeros_(weight)
            elif "weight_hh" in name:  # keeps the size of the state over any number of frames
                nn.init.orthogonal_(weight)
            else:
                nn.init.xavier_uniform_(weight)

    def read(self, features: Tensor) -> Tensor:
        return self.recurrence(features)[0]  # (B, T, 100)


CNN_FAMILY = Family(
    options=CnnOptions,
    new=KhorramiCNN,
    presets={"full": Preset(), "small": Preset(options=SMALL, steps=800, lr=7e-4)},
)
CNN_RNN_FAMILY = Family(
    options=CnnRnnOptions,
    new=KhorramiCNNRNN,
    presets={"full": Preset(), "small": Preset(options={**SMALL, "n_hidden": 50}, steps=800, lr=7e-4)},
)
