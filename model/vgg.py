"""VGG-16, VGG-Face and VGG-Face-LSTM.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
Table 1 column D; Parkhi, Vedaldi and Zisserman, "Deep Face Recognition", BMVC 2015, Table 3, which is the
same network trained on faces. With an LSTM as section V-B of Lee 2020 has it: one fully connected layer and
two recurrent layers of 128 units.
"""

from itertools import pairwise

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from .family import Family, Preset
from .frame_network import FrameNetwork, FrameOptions, RecurrentOptions
from .layers import scaled, xavier

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions between poolings (Table 1, column D)."""

RELU_GAIN = 2**0.5


class VggOptions(FrameOptions):
    """Options of VGG-16 and VGG-Face.

    Attributes
    ----------
    fc : units of the fully connected layers fc6, fc7, ... before the scores, at width 1
    pool_px : side to which the last maps are averaged before fc6; 7 is what the weights of 224 px
        pictures want. None leaves them as they are
    """

    fc: tuple[int, ...] = Field(default=(4096, 4096), max_length=2)
    pool_px: int | None = Field(default=7, ge=1)


class VggLstmOptions(RecurrentOptions, VggOptions):
    """Options of VGG-Face-LSTM: those of both."""

    fc: tuple[int, ...] = Field(default=(4096,), max_length=2)


class VggTrunk(nn.Module):
    """Pictures in, features of the last fully connected layer out (or of pool5 without one).

    Attributes
    ----------
    n_features : how many
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        in_channels: int = 3,
        picture_px: int = 224,
        pool_px: int | None = 7,
        fc: tuple[int, ...] = (4096, 4096),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        names = [f"conv{b}_{i}" for b, block in enumerate(BLOCKS, 1) for i in range(1, len(block) + 1)]
        channels = [in_channels, *(scaled(n, width) for block in BLOCKS for n in block)]
        self.convs = nn.ModuleDict(
            {
                name: xavier(nn.Conv2d(n_in, n_out, 3, padding=1), gain=RELU_GAIN)
                for name, (n_in, n_out) in zip(names, pairwise(channels), strict=True)
            }
        )
        self.pool_px = pool_px
        units = [channels[-1] * (pool_px or picture_px // 32) ** 2, *(scaled(n, width) for n in fc)]
        self.fcs = nn.ModuleDict(
            {
                f"fc{number}": xavier(nn.Linear(n_in, n_out), gain=RELU_GAIN)
                for number, (n_in, n_out) in enumerate(pairwise(units), 6)
            }
        )
        self.dropout = nn.Dropout(dropout)
        self.n_features = units[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, n_features) from pictures (N, in_channels, S, S) float32."""
        x = self.maps(x)[-1]  # (N, 512, S/32, S/32)
        if self.pool_px is not None and x.shape[-1] != self.pool_px:
            x = functional.adaptive_avg_pool2d(x, self.pool_px)  # (N, 512, 7, 7)
        x = x.flatten(1)  # (N, 25088), channels first whatever the layout in memory
        for layer in self.fcs.values():
            x = self.dropout(functional.relu(layer(x)))  # (N, 4096)
        return x

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps after each of the five poolings: (N, 64, S/2, S/2) to (N, 512, S/32, S/32)."""
        found = []
        for number, block in enumerate(BLOCKS, 1):
            for i in range(1, len(block) + 1):
                x = functional.relu(self.convs[f"conv{number}_{i}"](x))
            x = functional.max_pool2d(x, 2)
            found.append(x)
        return found


class Vgg(FrameNetwork):
    """VGG-16 or VGG-Face over the frames of a clip."""

    def __init__(self, options: VggOptions) -> None:
        trunk = _trunk(options)
        super().__init__(options, trunk=trunk, n_features=trunk.n_features)


class VggLstm(FrameNetwork):
    """VGG-Face over the frames of a clip, and an LSTM over them."""

    def __init__(self, options: VggLstmOptions) -> None:
        trunk = _trunk(options)
        super().__init__(
            options,
            trunk=trunk,
            n_features=trunk.n_features,
            recurrence=options.recurrence(trunk.n_features, cell="lstm"),
        )


def _trunk(options: VggOptions) -> VggTrunk:
    return VggTrunk(
        width=options.width,
        in_channels=options.in_channels,
        picture_px=options.picture_px,
        pool_px=options.pool_px,
        fc=options.fc,
        dropout=options.dropout,
    )


# full: 224 px, as the weights of ImageNet and of VGG-Face were trained. small: 48 px, which leave one place
# of the last maps, and one fully connected layer over it.
_FULL = {"resize_px": 224, "dropout": 0.5}
_SMALL = {"width": 0.25, "size_px": 48, "pool_px": None, "fc": (512,), "dropout": 0.1}

VGG16_FAMILY = Family(
    options=VggOptions,
    new=Vgg,
    presets={
        "full": Preset(options=_FULL),
        "small": Preset(options=_SMALL | {"training_frames": 4}, steps=800, batch=8, lr=7e-4),
    },
    faithful_inputs={"color_reference": "gray"},
    weights=("torchvision-vgg16",),
)
VGG_FACE_FAMILY = Family(
    options=VggOptions,
    new=Vgg,
    presets=VGG16_FAMILY.presets,
    faithful_inputs={"color_reference": "gray"},
    weights=("vgg-face", "vgg-face-dag", "vgg-face-caffe"),
)
VGG_FACE_LSTM_FAMILY = Family(
    options=VggLstmOptions,
    new=VggLstm,
    presets={
        "full": Preset(options=_FULL),
        "small": Preset(options=_SMALL, steps=800, batch=4, lr=7e-4),
    },
    faithful_inputs={"color_reference": "gray"},
    weights=VGG_FACE_FAMILY.weights,
)
