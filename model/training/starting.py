"""What a training starts from other than chance: weights from a file or a run, and whom those have seen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..data.features import read_feature_record
from ..network import Network
from .config import TrainConfig


@dataclass(frozen=True, slots=True)
class Start:
    """Where a training starts.

    Attributes
    ----------
    subjects : whom the weights, or the makers of the feature sets, have seen
    weights : the file's name and hash, or None
    """

    subjects: tuple[str, ...] = ()
    weights: str | None = None


def start_from(
    network: Network, config: TrainConfig, *, color_reference: str, on_message: Callable[[str], None]
) -> Start:
    """Load the weights that `config` names into `network`, and return what it starts from.

    Parameters
    ----------
    color_reference : what color is counted from, for weights that were trained on plain pictures

    Raises
    ------
    ModelError
        The file is none of weights, or they do not fit the network.
    """
    seen = {one for path in config.features.values() for one in read_feature_record(Path(path)).subjects_seen}
    if config.weights is None:
        return Start(tuple(sorted(seen)))
    from ..weights import load_weights

    loaded = load_weights(network, Path(config.weights), color_reference=color_reference)
    for line in loaded.report:
        on_message(line)
    return Start(tuple(sorted(seen | set(loaded.subjects))), loaded.started_from)
