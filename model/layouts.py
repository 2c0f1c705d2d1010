"""How weight files of others name their layers, and which range of color they were trained on.

Nothing is read here; see `weights.load_weights`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .vgg import BLOCKS

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""Red, green, blue of 255: torchvision's (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225)."""

VGG_FACE_MEAN = (129.1863, 104.7624, 93.5940)
"""Red, green, blue of 255: the mean color of the faces of Parkhi 2015, from the authors' release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way to write down a network's weights.

    Attributes
    ----------
    trunk : "vgg", or "resnet-18" or "resnet-50": what they fit
    layers : {layer of our trunk: layer of the file}; empty where the names are the same
    first : our first convolution, whose channels in are colors
    head : layers of the file that tell its own classes, and are not wanted
    mean, std : per color, red first, of 255: what its pixels were counted from and divided by
    bgr : whether it wants blue first
    about : whose files look like this
    """

    trunk: Literal["vgg", "resnet-18", "resnet-50"]
    layers: Mapping[str, str]
    first: str
    head: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool
    about: str

    def knows(self, layer: str) -> bool:
        """Return whether files of this layout hold a layer of our trunk; others are left as drawn."""
        return not self.layers or layer in self.layers


def _convolutions() -> list[tuple[int, int]]:
    return [(b, i) for b, block in enumerate(BLOCKS, 1) for i in range(1, len(block) + 1)]


def _torchvision_vgg16() -> dict[str, str]:
    """Return our names to torchvision's: `features` counts convolutions, ReLUs and poolings alike."""
    names, at = {}, 0
    for number, block in enumerate(BLOCKS, 1):
        for i in range(1, len(block) + 1):
            names[f"convs.conv{number}_{i}"] = f"features.{at}"
            at += 2  # the convolution and its ReLU
        at += 1  # the pooling
    return names | {"fcs.fc6": "classifier.0", "fcs.fc7": "classifier.3"}


def _vgg_face(pattern: str) -> dict[str, str]:
    names = {f"convs.conv{b}_{i}": pattern.format(b, i) for b, i in _convolutions()}
    return names | {"fcs.fc6": "fc6", "fcs.fc7": "fc7"}


def _resnet(trunk: Literal["resnet-18", "resnet-50"]) -> Layout:
    return Layout(
        trunk=trunk,
        layers={},
        first="conv1",
        head=("fc",),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        bgr=False,
        about=f"torchvision's {trunk}, trained on ImageNet",
    )


LAYOUTS: dict[str, Layout] = {
    "torchvision-vgg16": Layout(
        trunk="vgg",
        layers=_torchvision_vgg16(),
        first="convs.conv1_1",
        head=("classifier.6",),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        bgr=False,
        about="torchvision's vgg16, trained on ImageNet",
    ),
    "torchvision-resnet18": _resnet("resnet-18"),
    "torchvision-resnet50": _resnet("resnet-50"),
    # The authors' Torch example takes the mean in its printed order from pictures that are blue first.
    "vgg-face": Layout(
        trunk="vgg",
        layers=_vgg_face("conv_{}_{}"),
        first="convs.conv1_1",
        head=("fc8",),
        mean=(VGG_FACE_MEAN[2], VGG_FACE_MEAN[1], VGG_FACE_MEAN[0]),
        std=(1.0, 1.0, 1.0),
        bgr=True,
        about="VGG-Face converted from the authors' Torch file (conv_1_1, ..., fc8)",
    ),
    "vgg-face-dag": Layout(
        trunk="vgg",
        layers=_vgg_face("conv{}_{}"),
        first="convs.conv1_1",
        head=("fc8",),
        mean=VGG_FACE_MEAN,
        std=(1.0, 1.0, 1.0),
        bgr=False,
        about="VGG-Face converted from the authors' MatConvNet file (vgg_face_dag: conv1_1, ..., fc8)",
    ),
    "vgg-face-caffe": Layout(
        trunk="vgg",
        layers=_vgg_face("conv{}_{}"),
        first="convs.conv1_1",
        head=("fc8",),
        mean=VGG_FACE_MEAN,
        std=(1.0, 1.0, 1.0),
        bgr=True,
        about="VGG-Face converted from the authors' Caffe file: named like vgg-face-dag, but blue first",
    ),
}
"""By name; of two that name their layers alike, the first is taken where nobody says which."""

PUBLISHED: dict[str, str] = {
    "397923af": "torchvision vgg16 IMAGENET1K_V1",
    "0676ba61": "torchvision resnet50 IMAGENET1K_V1",
    "11ad3fa6": "torchvision resnet50 IMAGENET1K_V2",
    "19c8e357": "torchvision resnet50, before 2021",
    "f37072fd": "torchvision resnet18 IMAGENET1K_V1",
    "5c106cde": "torchvision resnet18, before 2021",
}
"""The first eight digits of a file's SHA-256, which torchvision writes into its name: what the file is."""
