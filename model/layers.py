"""Layers that several families share: drawn as Xavier says, and safe in bf16."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear, "Conv3d")


class Conv3d(nn.Conv3d):
    """A 3x3x3 convolution whose weight gradient can be trusted in bf16.

    torch 2.13 on CPUs with avx512_bf16 returns uninitialised memory as the bf16 weight gradient of this
    layer where the input's depth is exactly 2, which is what conv4 sees of 16 frames; fp32 is right.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int | tuple[int, int, int] = 1
    ) -> None:
        super().__init__(in_channels, out_channels, 3, stride=stride, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type == "cpu" and input.shape[2] == 2 and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(input.float())
        return super().forward(input)


def scaled(channels: int, width: float) -> int:
    """Return `channels` of a paper's table at this width, at least one."""
    return max(1, round(channels * width))


def over_time(layer: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """Return `layer`, which knows (N, ...), applied to every frame of (T, B, ...) or (B, T, ...)."""
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def xavier(layer: Layer, *, gain: float = 1.0, n_gates: int = 1) -> Layer:
    """Return `layer` drawn from Xavier's uniform distribution, its biases zero.

    Gates that share one convolution are drawn as the separate layers that they are in Eq. 1 of MRAN.
    Convolutions are laid out channels last, which is twice as fast on CPUs at small widths.
    """
    for gate in layer.weight.chunk(n_gates):
        nn.init.xavier_uniform_(gate, gain=gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    if layer.weight.ndim > 2:
        planar = layer.weight.ndim == 4
        layout = torch.channels_last if planar else torch.channels_last_3d
        layer.weight.data = layer.weight.data.contiguous(memory_format=layout)
    return layer


def evenly(layer: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
    """Return a deconvolution whose stride is its kernel, drawn so that it begins as an enlargement.

    All places of a kernel get the weight of one 1x1 convolution that Xavier draws (Aitken 2017,
    arXiv:1707.02937); each learns for itself afterwards. Drawn apart, the places of a kernel leave a
    checkerboard from the first step on (Odena 2016, "Deconvolution and Checkerboard Artifacts").
    """
    weight = xavier(layer).weight.data
    weight[:] = nn.init.xavier_uniform_(torch.empty(*weight.shape[:2], 1, 1))
    return layer


def last_activation(output: str) -> nn.Module:
    """Return what follows a network's last linear layer: tanh, or nothing for linear scores and logits."""
    return nn.Tanh() if output == "tanh" else nn.Identity()
