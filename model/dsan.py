"""DSAN: scores from several depths of one network, each under attention and each supervised, then averaged.

Fan, Li and Lam, "Facial Expression Recognition With Deeply-Supervised Attention Network", IEEE TAFFC 2020.
Of it only the abstract is at hand: features of several scales, an attention block, supervision at several
depths, an ensemble of their scores, and two stages of training that use race, gender and age. Everything
else here is a reading: the trunk of VGG-16, branches at its last three blocks, squeeze-and-excitation and a
spatial map as attention block, demographic attributes as a second task of the first stage. The second stage
is training/groups.py. Frames are scored one by one; the logits of classes are averaged over the clip.
"""

from collections.abc import Mapping
from typing import Literal, cast

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError
from .family import Family, Preset
from .frame_network import FrameNetwork, FrameOptions
from .layers import scaled, xavier
from .network import Loss
from .vgg import BLOCKS, RELU_GAIN, VggTrunk


class DsanOptions(FrameOptions):
    """Every place where the reading leaves a choice.

    Attributes
    ----------
    modalities : streams, stacked as channels; the paper sees color
    width : factor on the channels of VGG-16
    branches : how many of the last blocks of five have a branch
    attention : what the attention block of a branch weighs: channels, places, or both in that order
    reduction : by which the channels are narrowed where they are weighed
    batch_norm : after every convolution; VGG-16 has none, and its weight files want none, but a network this
        deep that starts from nothing learns with it
    dropout : before each branch's last layer
    attributes : columns of DATASET/subjects.csv to learn as a second task, such as sex, age and skin_tone
    attribute_weight : of their cross entropies beside the loss of the scores
    attribute_classes : the most values that an attribute may take
    """

    modalities: tuple[str, ...] = Field(default=("color",), min_length=1)
    branches: int = Field(default=3, ge=1, le=len(BLOCKS))
    attention: Literal["both", "channel", "spatial", "none"] = "both"
    reduction: int = Field(default=16, ge=1)
    batch_norm: bool = True
    attributes: tuple[str, ...] = ()
    attribute_weight: float = Field(default=0.1, ge=0)
    attribute_classes: int = Field(default=12, ge=2)

    @field_validator("attributes", mode="before")
    @classmethod
    def _in_words(cls, value: object) -> object:
        """Take "sex,age" too, as the command line gives it."""
        return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


class AttentionBlock(nn.Module):
    """Weights in (0, 1) for the channels, then for the places, of one block's features."""

    def __init__(self, n_channels: int, *, attention: str, reduction: int) -> None:
        super().__init__()
        narrow = max(1, n_channels // reduction)
        self.channels = self.places = None
        if attention in ("both", "channel"):
            squeeze = xavier(nn.Linear(n_channels, narrow), gain=RELU_GAIN)
            self.channels = nn.Sequential(squeeze, nn.ReLU(), xavier(nn.Linear(narrow, n_channels)))
        if attention in ("both", "spatial"):
            self.places = xavier(nn.Conv2d(n_channels, 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighed features (N, C, H, W) and the weights of the places (N, 1, H, W)."""
        if self.channels is not None:
            x = x * torch.sigmoid(self.channels(x.mean((2, 3))))[:, :, None, None]
        if self.places is None:
            return x, torch.ones_like(x[:, :1])
        places = torch.sigmoid(self.places(x))
        return x * places, places


class Branch(nn.Module):
    """The features of one block under attention, averaged over the frame, and their scores."""

    def __init__(self, n_channels: int, options: DsanOptions) -> None:
        super().__init__()
        self.attention = AttentionBlock(n_channels, attention=options.attention, reduction=options.reduction)
        self.dropout = nn.Dropout(options.dropout)
        self.scores = xavier(nn.Linear(n_channels, options.n_outputs))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores (N, n_outputs), features (N, C) and the weights of the places (N, 1, H, W)."""
        x, places = self.attention(x)
        features = x.mean((2, 3)).float()
        return self.scores(self.dropout(features)).float(), features, places


class Trunk(VggTrunk):
    """VGG-16's convolutions alone, so that its weight files fit where there is no batch norm.

    Attributes
    ----------
    n_channels : of each block's maps
    """

    def __init__(self, options: DsanOptions) -> None:
        super().__init__(width=options.width, in_channels=options.in_channels, pool_px=None, fc=())
        self.n_channels = tuple(scaled(block[-1], options.width) for block in BLOCKS)
        self.norms = None
        if options.batch_norm:
            self.norms = nn.ModuleDict(
                {name: nn.BatchNorm2d(len(conv.weight)) for name, conv in self.convs.items()}  # type: ignore[arg-type]
            )

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps before each of the five poolings: (N, 64, S, S) to (N, 512, S/16, S/16)."""
        found = []
        for number, block in enumerate(BLOCKS, 1):
            for i in range(1, len(block) + 1):
                x = self.convs[f"conv{number}_{i}"](x)
                if self.norms is not None:
                    x = self.norms[f"conv{number}_{i}"](x)
                x = functional.relu(x)
            found.append(x)
            x = functional.max_pool2d(x, 2)
        return found


class DSAN(FrameNetwork):
    """One trunk, scores from three of its depths, and their mean."""

    def __init__(self, options: DsanOptions) -> None:
        trunk = Trunk(options)
        super().__init__(options, trunk=trunk, n_features=trunk.n_channels[-1])
        del self.head  # each branch has its own
        self.branches = nn.ModuleList(Branch(n, options) for n in trunk.n_channels[-options.branches :])
        self.dsan_options = options
        self.trained_as = options.attributes
        self.attribute_heads = nn.ModuleList(
            xavier(nn.Linear(trunk.n_channels[-1], options.attribute_classes)) for _ in options.attributes
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the mean of the branches' scores; see `Network.forward`."""
        return torch.stack(self.branch_scores(inputs)).mean(0)

    def branch_scores(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Return what each branch would answer alone, the shallowest first, each as `forward` does."""
        return self._branches(inputs)[0]

    def training_loss(
        self, inputs: Mapping[str, Tensor], targets: Tensor, loss: Loss, attributes: Tensor | None = None
    ) -> Tensor:
        """Return the sum of the branches' losses, and of the attributes' cross entropies where known."""
        inputs, targets = self.picked(inputs, targets)
        scores, features, _ = self._branches(inputs)
        value = torch.stack([loss(one, targets) for one in scores]).sum()
        if not self.trained_as:
            return value
        if attributes is None:
            raise ModelError(
                f"wanted the attributes {', '.join(self.trained_as)} of the subjects, found none; "
                f"give the dataset a subjects.csv, or train without --set attributes"
            )
        clip = features.mean(1)
        for head, truth in zip(self.attribute_heads, attributes.unbind(1), strict=True):
            value = value + self.dsan_options.attribute_weight * _attribute_loss(head(clip), truth)
        return value

    def frame_features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the deepest branch's features of each frame, (B, T, 512) float32."""
        return self._branches(inputs)[1]

    def attention(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, S, S) of mean 1: the weights of the places, averaged over the branches."""
        first = inputs[self.options.modalities[0]]
        maps = [
            functional.interpolate(places.float(), first.shape[-2:], mode="bilinear")[:, 0]
            for places in self._branches(inputs)[2]
        ]
        mean = torch.stack(maps).mean(0)
        return (mean / mean.mean((1, 2), keepdim=True)).unflatten(0, first.shape[:2])

    def _branches(self, inputs: Mapping[str, Tensor]) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        """Return the branches' scores, the deepest one's features (B, T, C), the places (B*T, 1, H, W)."""
        x = self.pictures(inputs)  # (B, T, C, S, S)
        maps = cast(Trunk, self.trunk).maps(x.flatten(0, 1))  # each (B*T, 64 to 512, S to S/16, S to S/16)
        found = [branch(y) for branch, y in zip(self.branches, maps[-len(self.branches) :], strict=True)]
        scores = [self.last(y.unflatten(0, x.shape[:2])) for y, _, _ in found]  # each (B, T, n_outputs)
        return (
            scores if self.per_frame else [y.mean(1) for y in scores],
            found[-1][1].unflatten(0, x.shape[:2]),
            [places for _, _, places in found],
        )


def _attribute_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean cross entropy over the clips whose attribute is known, 0 where none is."""
    if int(truth.max()) >= logits.shape[1]:
        raise ModelError(
            f"wanted at most {logits.shape[1]} values of an attribute, found {int(truth.max()) + 1} or more; "
            f"pass a higher --set attribute_classes"
        )
    total = functional.cross_entropy(logits.float(), truth, ignore_index=-1, reduction="sum")
    return total / (truth >= 0).sum().clamp(min=1)


DSAN_FAMILY = Family(
    options=DsanOptions,
    new=DSAN,
    presets={
        "full": Preset(),
        "small": Preset(
            options={"width": 0.25, "size_px": 48, "dropout": 0.2, "training_frames": 4},
            steps=800,
            batch=8,
            lr=7e-4,
        ),
    },
    faithful_inputs={"color_reference": "gray"},
    weights=("torchvision-vgg16", "vgg-face", "vgg-face-dag"),
)
