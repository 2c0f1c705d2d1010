"""What MRAN is measured against: all streams stacked into one 3D-CNN, and the constant prediction."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .mran import CHANNELS, Conv3d, EmotionRecognition, MranOptions, relu_gain, scaled, xavier


class EarlyFusion(nn.Module):
    """MRAN's 3D-CNN without attention; the streams are stacked as channels of its first convolution."""

    def __init__(self, options: MranOptions) -> None:
        super().__init__()
        self.options = options
        n_channels = sum(CHANNELS[name] for name in options.modalities)
        gain = relu_gain(options)
        self.features = xavier(Conv3d(n_channels, scaled(32, options.width)), gain=gain)
        self.recognition = EmotionRecognition(
            width=options.width,
            n_pools=4,
            size_px=options.size_px,
            n_frames=options.n_frames,
            n_outputs=options.n_outputs,
            dropout=options.dropout,
            output=options.output,
            gain=gain,
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, n_outputs) float32 from streams of (B, T, C, H, W) float32."""
        x = torch.cat([inputs[name] for name in self.options.modalities], dim=2)  # (B, T, 5, 96, 96)
        x = x.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)  # (B, 5, T, 96, 96)
        x = functional.relu(self.features(x))  # (B, 32, T, 96, 96)
        return self.recognition(x)  # (B, n_outputs)


def constant_prediction(training_mean: float, n_frames: int) -> NDArray[np.float64]:
    """Return (n_frames,) float64: the mean training label, whatever the frames show.

    The best by RMSE that can be said without looking; its CC and CCC are 0.
    """
    return np.full(n_frames, training_mean, np.float64)
