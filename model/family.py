"""What a family of networks tells the rest of the house: its options, its sizes, and how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .network import Network, NetworkOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One size of a network, and the training that goes with it.

    Attributes
    ----------
    options : what differs from the defaults of the family's options
    inputs : what differs from the defaults of `data.InputOptions`, such as `landmarks`
    epochs, steps : how long it trains; by steps, whatever the size of the dataset, where `epochs` is None
    batch, lr : clips per step, peak learning rate
    loss : "mse", "l1", "ccc" or "mix"
    optimizer : "adam", or "sgd" with momentum 0.9 and weight decay 1e-4
    for_classes : what of these differs where classes are learned
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    steps: int = 6000
    batch: int = 4
    lr: float = 1e-4
    loss: str = "mse"
    optimizer: str = "adam"
    for_classes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A network of the four papers, or a peer.

    Attributes
    ----------
    options : the class of its options
    new : its options -> a network with fresh weights
    presets : by size, "full" (the paper's) and "small" (trains in minutes on a CPU)
    modalities : streams that it sees where nobody says others
    color_only : whether it can see nothing but color
    faithful : options that take the paper to the letter, however badly it learns;
        None where the preset does so already
    faithful_inputs : the same for `data.InputOptions`
    weights : layouts of weight files that it can start from: names of `layouts.LAYOUTS`
    of_features : whether it sees feature sets in place of streams
    """

    options: type[NetworkOptions]
    new: Callable[[Any], Network]
    presets: Mapping[str, Preset]
    modalities: tuple[str, ...] = ("color",)
    color_only: bool = False
    faithful: Callable[[NetworkOptions], dict[str, Any]] | None = None
    faithful_inputs: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    of_features: bool = False
