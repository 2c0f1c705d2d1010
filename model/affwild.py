"""AffWildNet: VGG-Face or ResNet-50 and the facial landmarks, one fully connected layer, and GRU layers.

Kollias et al., "Deep Affect Prediction in-the-wild: Aff-Wild Database and Challenge, Deep Architectures, and
Beyond", IJCV 2019. From the authors' public code: pictures of 96 px in [-1, 1], a fully connected layer of
4096 units and dropout 0.5 after VGG-Face, none after ResNet-50, two GRU layers of 128 units, linear scores,
runs of 80 frames. From memory: the 68 landmarks go into the fully connected layer beside the last maps, it
has 1500 units after ResNet-50, and the loss is 1 - mean CCC. The reading for the runs is `n_frames` like all
others, "with the same length of clip" (Lee 2020, section V-C.4).
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from .family import Family, Preset
from .frame_network import FrameNetwork, RecurrentOptions, require_landmarks
from .layers import over_time, scaled, xavier
from .resnet import ResNetTrunk
from .vgg import RELU_GAIN, VggTrunk

FC_UNITS = {"vgg-face": 4096, "resnet-50": 1500}
N_LANDMARKS = 68


class AffWildOptions(RecurrentOptions):
    """Options of AffWildNet.

    Attributes
    ----------
    backbone : what looks at the frames
    landmarks : whether the fully connected layer gets the 68 landmarks too
    fc_units : of the fully connected layer at width 1; None: as the paper has it for the backbone; 0: the
        recurrence sees the backbone's features, as in the authors' code for ResNet-50
    """

    backbone: Literal["vgg-face", "resnet-50"] = "vgg-face"
    landmarks: bool = True
    fc_units: int | None = Field(default=None, ge=0)

    @property
    def units(self) -> int:
        """Units of the fully connected layer at this width; 0: there is none."""
        wanted = FC_UNITS[self.backbone] if self.fc_units is None else self.fc_units
        return scaled(wanted, self.width) if wanted else 0


class AffWildNet(FrameNetwork):
    """Frames and landmarks in, a score per frame out."""

    def __init__(self, options: AffWildOptions) -> None:
        trunk = _trunk(options)
        n_landmark_values = 2 * N_LANDMARKS if options.landmarks else 0
        n_seen = trunk.n_features + n_landmark_values
        n_features = options.units or n_seen
        super().__init__(
            options,
            trunk=trunk,
            n_features=n_features,
            recurrence=options.recurrence(n_features, cell="gru"),
        )
        self.with_landmarks = options.landmarks
        self.fc = xavier(nn.Linear(n_seen, options.units), gain=RELU_GAIN) if options.units else None
        self.fc_dropout = nn.Dropout(options.dropout)

    def frame_features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return what the recurrence sees of each frame, (B, T, D) float32."""
        x = over_time(self.trunk, self.pictures(inputs))  # (B, T, 4608) of 96 px, or (B, T, 2048)
        if self.with_landmarks:
            x = torch.cat([x, centered(require_landmarks(inputs, "affwildnet"))], dim=2)  # (B, T, 4744)
        if self.fc is not None:
            x = self.fc_dropout(functional.relu(self.fc(x)))  # (B, T, 4096)
        return x


def centered(landmarks: Tensor) -> Tensor:
    """Return landmarks (B, T, 68, 2) in [0, 1] as (B, T, 136) in [-1, 1]; 0 where they are unknown."""
    return torch.nan_to_num(2 * landmarks - 1, nan=0.0).flatten(2)


def _trunk(options: AffWildOptions) -> VggTrunk | ResNetTrunk:
    if options.backbone == "resnet-50":
        return ResNetTrunk(50, options.width, options.in_channels)
    return VggTrunk(
        width=options.width,
        in_channels=options.in_channels,
        picture_px=options.picture_px,
        pool_px=None,
        fc=(),
    )


AFFWILDNET_FAMILY = Family(
    options=AffWildOptions,
    new=AffWildNet,
    presets={
        "full": Preset(options={"output": "linear"}, inputs={"landmarks": True}, loss="ccc"),
        "small": Preset(
            options={"width": 0.25, "size_px": 48, "dropout": 0.1, "fc_units": 512},
            inputs={"landmarks": True},
            steps=800,
            batch=4,
            lr=5e-4,
            loss="ccc",
        ),
    },
    faithful_inputs={"color_reference": "gray"},
    weights=("vgg-face", "vgg-face-dag", "vgg-face-caffe", "torchvision-vgg16", "torchvision-resnet50"),
)
