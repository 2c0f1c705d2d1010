"""A lab's standing choices for its datasets: a TOML file, and over it what the command line says."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from ...config import COMMAND_LINE, StrictModel, parse, read_toml
from ..dataset.record import ClipConfig, SplitConfig


class Choices(StrictModel):
    """What `--config FILE` holds: the tables `clips` and `split`, each key optional.

    ```toml
    [clips]
    fps = 4
    size_px = 112
    smoothing = "one-euro"

    [split]
    n_test_subjects = 5
    seed = 1
    ```
    """

    clips: ClipConfig = Field(default_factory=ClipConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)


def chosen(
    config: Path | None, *, clips: dict[str, Any], split: dict[str, Any]
) -> tuple[ClipConfig, SplitConfig]:
    """Return the configuration: the file's values, and where the command line gives one, that.

    Parameters
    ----------
    clips, split : the command line's values by key; None for what was not given

    Raises
    ------
    ConfigError
        The file does not read; a UsageError where the command line is at fault.
    """
    choices = Choices() if config is None else read_toml(config, Choices)
    return (
        _over(choices.clips, ClipConfig, clips),
        _over(choices.split, SplitConfig, split),
    )


Model = TypeVar("Model", bound=StrictModel)


def _over(below: Model, model: type[Model], given: dict[str, Any]) -> Model:
    table = below.model_dump(exclude_unset=True) | {
        key: value for key, value in given.items() if value is not None
    }
    return parse(table, model, where=COMMAND_LINE)
