"""The networks by name. Each lives in its own file, which is imported when the network is wanted."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import ModelError

if TYPE_CHECKING:
    from .family import Family


@dataclass(frozen=True, slots=True)
class Listed:
    """How a network is listed.

    Attributes
    ----------
    label : as tables print it
    module, attribute : where its `Family` is
    about : one line, with its source
    """

    label: str
    module: str
    attribute: str
    about: str


LISTED: dict[str, Listed] = {
    "mran": Listed("MRAN", "mran", "MRAN_FAMILY", "color under attention from all streams (Lee 2020)"),
    "uran": Listed("URAN", "mran", "URAN_FAMILY", "color under its own attention (Lee 2020)"),
    "mran-2d": Listed(
        "2D-CNN", "ablation", "PLANAR_FAMILY", "frames apart, no attention (Lee 2020, Table VI)"
    ),
    "mran-3d": Listed("+ 3D-CNN", "ablation", "VOLUME_FAMILY", "3D-CNN, no attention (Lee 2020, Table VI)"),
    "mran-se": Listed(
        "+ S.E.", "ablation", "ENCODER_FAMILY", "attention without recurrence (Lee 2020, Table VI)"
    ),
    "early-fusion": Listed(
        "early fusion", "early_fusion", "EARLY_FUSION_FAMILY", "a 3D-CNN over all streams stacked"
    ),
    "cnn": Listed("CNN", "khorrami", "CNN_FAMILY", "three convolutions per frame (Khorrami 2016)"),
    "cnn-rnn": Listed("CNN + RNN", "khorrami", "CNN_RNN_FAMILY", "the CNN and a recurrence (Khorrami 2016)"),
    "vgg-16": Listed("VGG-16", "vgg", "VGG16_FAMILY", "per frame (Simonyan 2015)"),
    "resnet-50": Listed("ResNet-50", "resnet", "RESNET50_FAMILY", "per frame (He 2016)"),
    "vgg-face": Listed("VGG-Face", "vgg", "VGG_FACE_FAMILY", "VGG-16 of faces, per frame (Parkhi 2015)"),
    "vgg-face-lstm": Listed(
        "VGG-Face-LSTM", "vgg", "VGG_FACE_LSTM_FAMILY", "VGG-Face and two LSTM layers of 128 (Lee 2020)"
    ),
    "affwildnet": Listed(
        "AffWildNet", "affwild", "AFFWILDNET_FAMILY", "VGG-Face or ResNet and GRU (Kollias 2019)"
    ),
    "ran": Listed("RAN", "ran", "RAN_FAMILY", "attention over regions of the face (Wang 2020)"),
    "dsan": Listed("DSAN", "dsan", "DSAN_FAMILY", "deep supervision at several scales (Fan 2020)"),
    "muse": Listed("LSTM + SA", "muse", "MUSE_FAMILY", "LSTM and self-attention over features (Sun 2020)"),
    "transformer": Listed(
        "transformer", "transformer", "TRANSFORMER_FAMILY", "a video transformer over all streams"
    ),
}
NAMES: tuple[str, ...] = tuple(LISTED)


def family(name: str) -> "Family":
    """Return the family of networks called `name`.

    Raises
    ------
    ModelError
        There is none of that name.
    """
    if name not in LISTED:
        raise ModelError(f"wanted one of {', '.join(NAMES)}, found model {name!r}")
    listed = LISTED[name]
    return getattr(import_module(f".{listed.module}", __package__), listed.attribute)
