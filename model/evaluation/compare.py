"""Systems beside each other: the first against each of the others, on the frames that all of them score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import ModelError
from .classes import BY_CLIP
from .paired import Paired, adjusted, paired
from .pooling import Pooled, Repeats
from .series import SessionPrediction
from .sums import sums_of

LABEL_ROUNDING = 2e-6
"""Labels are written with six decimals."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of one thing that is predicted, of two systems.

    Attributes
    ----------
    a, b : labels of the systems
    output : a dimension, "class", or "class of session";  measure : "ccc" and the like
    processed : whether after post-processing
    paired : scores, difference, limits and p-value
    p_holm : the p-value corrected for the number of systems that the first is compared with
    """

    a: str
    b: str
    output: str
    measure: str
    processed: bool
    paired: Paired
    p_holm: float | None


def compare(
    systems: Mapping[str, Pooled],
    *,
    processed: bool = False,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Comparison, ...]:
    """Return the first system against each other one, by output and measure.

    Parameters
    ----------
    systems : by label, at least two
    processed : whether to compare series after post-processing
    seed : of the draws of subjects and swaps
    on_progress : called with the pairs of systems compared and their number, over all outputs

    Raises
    ------
    ModelError
        There is one system only, they were scored on other sessions, predict other things, or have no
        post-processing where that is asked for.
    """
    if len(systems) < 2:
        raise ModelError(f"wanted at least two systems to compare, found {len(systems)}")
    (first, own), *others = systems.items()
    found: list[Comparison] = []
    done = 0
    for output in own.outputs:
        pairs: dict[str, dict[str, Paired]] = {}
        for label, other in others:
            if on_progress is not None:
                on_progress(done, len(others) * len(own.outputs))
            pairs[label] = _paired(first, own, label, other, output, processed=processed, seed=seed)
            done += 1
        for measure in next(iter(pairs.values())):
            p_values = {label: one[measure].p_value for label, one in pairs.items()}
            known = {label: p for label, p in p_values.items() if p is not None}
            holm = dict(zip(known, adjusted(list(known.values())), strict=True))
            found += [
                Comparison(first, label, output, measure, processed, one[measure], holm.get(label))
                for label, one in pairs.items()
            ]
    return tuple(found)


def _paired(
    first: str, own: Pooled, label: str, other: Pooled, output: str, *, processed: bool, seed: int
) -> dict[str, Paired]:
    if output not in other.outputs or own.class_names != other.class_names:
        raise ModelError(
            f"wanted systems that predict {output}, {label!r} predicts {', '.join(other.outputs)}"
        )
    for name, one in ((first, own), (label, other)):
        if processed and output not in one.processed:
            raise ModelError(
                f"wanted predictions of {output} after post-processing, {name!r} has none; "
                f"run `mavfer evaluate` with --fit-on validation, or compare the raw ones"
            )
    left, right = _on_the_same(first, own.repeats, label, other.repeats, output, processed=processed)
    n_classes = len(own.class_names)
    return paired(
        sums_of(left, output, processed=processed, n_classes=n_classes),
        sums_of(right, output, processed=processed, n_classes=n_classes),
        seed=seed,
    )


def _on_the_same(
    first: str, a: Repeats, label: str, b: Repeats, output: str, *, processed: bool
) -> tuple[Repeats, Repeats]:
    """Return both systems' repeats with the truth of frames that any run lacks taken out."""
    names = [one.session for one in a[0]]
    if names != [one.session for one in b[0]]:
        apart = sorted({one.session for one in b[0]} ^ set(names))
        raise ModelError(
            f"wanted systems that were scored on the same sessions, {first!r} and {label!r} differ in "
            f"{', '.join(map(repr, apart[:3]))}; evaluate both on the same folds"
        )
    masks = {}
    for number, name in enumerate(names):
        every = [repeat[number] for repeat in (*a, *b)]
        if not all(_same_truth(every[0], one, output) for one in every[1:]):
            raise ModelError(
                f"wanted systems that were scored on the same labels, {first!r} and {label!r} differ in "
                f"session {name!r}; evaluate both on one dataset"
            )
        if every[0].clips is None:
            series = [(one.processed if processed else one.predicted)[output] for one in every]
            masks[name] = np.isfinite(series).all(0)
    return _masked(a, output, masks), _masked(b, output, masks)


def _same_truth(a: SessionPrediction, b: SessionPrediction, output: str) -> bool:
    if a.clips is not None and b.clips is not None:
        if output != BY_CLIP:
            return a.clips.session_truth == b.clips.session_truth
        return np.array_equal(a.clips.start, b.clips.start) and np.array_equal(a.clips.truth, b.clips.truth)
    truth, other = a.truth[output], b.truth[output]
    return truth.shape == other.shape and np.allclose(
        truth, other, rtol=0, atol=LABEL_ROUNDING, equal_nan=True
    )


def _masked(repeats: Repeats, output: str, masks: dict[str, np.ndarray]) -> Repeats:
    def one_session(one: SessionPrediction) -> SessionPrediction:
        if one.session not in masks:
            return one
        return replace(one, truth={output: np.where(masks[one.session], one.truth[output], np.nan)})

    return tuple(tuple(one_session(one) for one in sessions) for sessions in repeats)


def outside_in_favour(
    comparisons: Sequence[Comparison], *, output: str, measure: str = "ccc"
) -> dict[str, bool]:
    """Return by the other system's label whether the first is better, with 0 outside the limits of 95 %."""
    lower_is_better = measure == "rmse"
    return {
        one.b: one.paired.outside and (one.paired.difference < 0) == lower_is_better
        for one in comparisons
        if one.output == output and one.measure == measure
    }
