"""Systems as a person names them: "runs/mran", "runs/a,runs/b", "MRAN=runs/mran"."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import UsageError
from .pooling import Pooled, pooled_runs, runs_in


def named_systems(
    words: Sequence[str], *, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, Pooled]:
    """Return the evaluated systems by label, in the order given.

    Parameters
    ----------
    words : each a run, a folder of runs, or several of both joined by commas; LABEL= before it names it
    on_progress : called with the systems read and their number

    Raises
    ------
    UsageError
        There are fewer than two, or two have the same label.
    ModelError
        A path holds no run, a run is not evaluated, or runs of a system do not fit together.
    """
    if len(words) < 2:
        raise UsageError(f"wanted two systems or more to compare, found {len(words)}: the command line")
    found: dict[str, Pooled] = {}
    for number, word in enumerate(words):
        if on_progress is not None:
            on_progress(number, len(words))
        label, paths = _named(word)
        if label in found:
            raise UsageError(f"wanted each system once, found {label!r} twice; name them LABEL=RUN: {word}")
        found[label] = pooled_runs([run for path in paths for run in runs_in(path)])
    return found


def _named(word: str) -> tuple[str, list[Path]]:
    if Path(word).exists():
        return Path(word).resolve().name, [Path(word)]
    label, mark, rest = word.partition("=")
    paths = [Path(one) for one in (rest if mark else word).split(",") if one]
    if not paths:
        raise UsageError(f"wanted a run after {label!r}=, found nothing: {word}")
    return label if mark else ",".join(path.resolve().name for path in paths), paths
