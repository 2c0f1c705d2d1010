"""ResNet-18 and ResNet-50: the trunk that gives features of a picture, and ResNet-50 as a peer per frame.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1. Layers carry the
names of torchvision's state dicts, so that its weight files fit without a table of names; the stride of a
bottleneck is at its 3x3 convolution, as those files want it ("ResNet v1.5").
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError
from .family import Family, Preset
from .frame_network import FrameNetwork, FrameOptions
from .layers import scaled

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks of each stage, by depth (Table 1)."""

BOTTLENECK_FROM = 50
EXPANSION = 4
"""Channels that a bottleneck gives over those inside it."""


class ResNetTrunk(nn.Module):
    """Pictures in, features after average pooling out: a ResNet without its last linear layer.

    Attributes
    ----------
    depth : 18, 34, 50 or 101
    n_features : 512 at width 1 for the two shallow ones, 2048 for the deep ones
    """

    def __init__(self, depth: int = 50, width: float = 1.0, in_channels: int = 3) -> None:
        super().__init__()
        if depth not in STAGES:
            raise ModelError(f"wanted a ResNet of depth {', '.join(map(str, STAGES))}, found {depth}")
        self.depth = depth
        block = Bottleneck if depth >= BOTTLENECK_FROM else BasicBlock
        c64, *_ = channels = [scaled(n, width) for n in (64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(in_channels, c64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(c64)
        stages, n_in = [], c64
        for number, (n_blocks, n) in enumerate(zip(STAGES[depth], channels, strict=True)):
            blocks = []
            for i in range(n_blocks):
                blocks.append(block(n_in, n, stride=2 if number > 0 and i == 0 else 1))
                n_in = blocks[-1].n_out
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.n_features = n_in
        _draw(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, n_features) from pictures (N, in_channels, S, S) float32 of any side S from 32 px on."""
        return self.maps(x)[-1].mean((2, 3))  # (N, 512) or (N, 2048)

    def maps(self, x: Tensor) -> Sequence[Tensor]:
        """Return the four stages' maps: (N, 64, S/4, S/4) to (N, 512, S/32, S/32), times 4 for the deep."""
        x = x.contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.bn1(self.conv1(x)))  # (N, 64, S/2, S/2)
        x = functional.max_pool2d(x, 3, stride=2, padding=1)  # (N, 64, S/4, S/4)
        found = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            found.append(x)
        return found


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (Fig. 5, left)."""

    def __init__(self, n_in: int, n: int, *, stride: int) -> None:
        super().__init__()
        self.n_out = n
        self.conv1 = nn.Conv2d(n_in, n, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.conv2 = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n)
        self.downsample = _shortcut(n_in, self.n_out, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, beside a shortcut (Fig. 5, right)."""

    def __init__(self, n_in: int, n: int, *, stride: int) -> None:
        super().__init__()
        self.n_out = EXPANSION * n
        self.conv1 = nn.Conv2d(n_in, n, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.conv2 = nn.Conv2d(n, n, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n)
        self.conv3 = nn.Conv2d(n, self.n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(self.n_out)
        self.downsample = _shortcut(n_in, self.n_out, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(n_in: int, n_out: int, *, stride: int) -> nn.Sequential | None:
    """Return the projection where a block changes the shape (option B of section 4.1), else None."""
    if n_in == n_out and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))


def _draw(trunk: nn.Module) -> None:
    """Draw convolutions from He's normal distribution over the outputs, laid out channels last."""
    for layer in trunk.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)


class ResNet50(FrameNetwork):
    """ResNet-50 over the frames of a clip."""

    def __init__(self, options: FrameOptions) -> None:
        trunk = ResNetTrunk(50, options.width, options.in_channels)
        super().__init__(options, trunk=trunk, n_features=trunk.n_features, head_dropout=options.dropout)


# full: 224 px, as the weights of ImageNet were trained; the paper has no dropout before its one linear layer.
RESNET50_FAMILY = Family(
    options=FrameOptions,
    new=ResNet50,
    presets={
        "full": Preset(options={"resize_px": 224, "dropout": 0.0}),
        "small": Preset(
            options={"width": 0.25, "size_px": 48, "dropout": 0.1, "training_frames": 4},
            steps=800,
            batch=8,
            lr=7e-4,
        ),
    },
    faithful_inputs={"color_reference": "gray"},
    weights=("torchvision-resnet50",),
)
