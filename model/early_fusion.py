"""Early fusion: all streams stacked as channels of one 3D-CNN, with no attention."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from .family import Family, Preset
from .layers import Conv3d, scaled, xavier
from .mran import SMALL
from .network import Network
from .recognition import EmotionRecognition, RecognitionOptions


class EarlyFusion(Network):
    """MRAN without attention: its emotion recognition networks, fed with all streams stacked.

    Shapes are those of width 1 and 16 frames of 96 px, for color, depth and thermal.
    """

    options: RecognitionOptions

    def __init__(self, options: RecognitionOptions) -> None:
        super().__init__(options)
        n_features = scaled(32, options.width)
        self.features = xavier(Conv3d(options.n_channels, n_features), gain=options.relu_gain)
        self.recognition = EmotionRecognition(options)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, n_outputs) float32 from streams of (B, T, C, H, W) float32."""
        x = torch.cat([inputs[name] for name in self.options.modalities], dim=2)  # (B, T, 5, 96, 96)
        x = x.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)  # (B, 5, T, 96, 96)
        x = functional.relu(self.features(x))  # (B, 32, T, 96, 96)
        return self.recognition(x)  # (B, n_outputs)


EARLY_FUSION_FAMILY = Family(
    options=RecognitionOptions,
    new=EarlyFusion,
    presets={"full": Preset(), "small": Preset(options=SMALL, steps=800, lr=7e-4)},
    modalities=("color", "depth", "thermal"),
)
