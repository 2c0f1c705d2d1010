"""Runs of one network over the folds of a split, and over seeds, as one result.

Under each seed every session is predicted by the run that never saw its subject. A seed's score pools all of
its frames; the score of several seeds is the mean of theirs, with the spread between them beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import ModelError
from ..checkpoint import RUN_NAME, read_run_record
from .bootstrap import intervals
from .classes import BY_CLIP, BY_SESSION
from .constant import constant_sessions
from .evaluation_file import EVALUATION_NAME, Evaluation, Intervals, read_evaluation
from .series import Scores, SessionPrediction
from .sums import SubjectSums, sums_of

Repeats = Sequence[Sequence[SessionPrediction]]
"""Per seed, the predictions of the same sessions in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """What the runs of one network come to together.

    Attributes
    ----------
    folds, seeds : of the runs;  subjects : who was scored
    outputs : what is predicted: dimensions; or "class", and "class of session" where sessions have one
    scores, constant : by output and measure, the mean over seeds of what is pooled over all frames
    spread : standard deviation over seeds (n - 1); empty with one
    intervals : of `scores`, limits of 95 % over subjects; empty with fewer than five subjects
    processed, processed_intervals : the same after each run's own post-processing; empty unless all have it
    repeats : per seed the sessions, in the same order
    n_frames : of one seed
    """

    model: str
    split: str
    split_name: str
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    subjects: tuple[str, ...]
    outputs: tuple[str, ...]
    class_names: tuple[str, ...]
    scores: Scores
    constant: Scores
    spread: Scores
    intervals: Intervals
    processed: Scores
    processed_intervals: Intervals
    repeats: Repeats
    n_frames: int
    simulated: bool
    unseen_subjects: bool

    def sums(self, name: str, *, processed: bool = False) -> SubjectSums:
        """Return what the scores of one output are made of, by seed and subject."""
        return sums_of(self.repeats, name, processed=processed, n_classes=len(self.class_names))


def runs_in(path: Path) -> list[Path]:
    """Return the runs at `path`: the folder itself, or those below it, sorted; unfinished ones are left out.

    A folder counts that holds a run, or an evaluation alone, as of fused runs.

    Raises
    ------
    ModelError
        There is none.
    """
    marks = (RUN_NAME, EVALUATION_NAME)
    if any((path / mark).is_file() for mark in marks):
        return [path]
    below = {one.parent for mark in marks for one in path.rglob(mark)} if path.is_dir() else set()
    found = [one for one in sorted(below) if not any(p.startswith(".") for p in one.relative_to(path).parts)]
    if not found:
        raise ModelError(
            f"wanted a run, or a folder of runs, found no {RUN_NAME}; run `mavfer train`: {path}"
        )
    return found


def pooled_runs(runs: Sequence[Path]) -> Pooled:
    """Return what the evaluations in these run folders come to; see `pooled`.

    Raises
    ------
    ModelError
        As `pooled`; or networks of one name were trained with other streams, options or losses: these are
        several systems, not folds or seeds of one.
    """
    evaluations = [read_evaluation(run) for run in runs]
    if len(runs) > 1:
        _require_one_recipe([run for run in runs if (run / RUN_NAME).is_file()])
    return pooled(evaluations)


def pooled(evaluations: Sequence[Evaluation]) -> Pooled:
    """Return what evaluations of one network come to.

    Raises
    ------
    ModelError
        They are of several networks, splits or outputs; a session is scored twice under one seed; or one is
        missing under a seed.
    """
    if not evaluations:
        raise ModelError("wanted at least one evaluation, found none")
    first = evaluations[0]
    _require_one_kind(evaluations)
    repeats = _repeats(evaluations)
    n_classes = len(first.class_names)
    outputs = first.dimensions
    if first.class_names:
        per_session = all(BY_SESSION in one.scores for one in evaluations)
        outputs = (BY_CLIP, BY_SESSION) if per_session else (BY_CLIP,)
    sums = {name: sums_of(repeats, name, n_classes=n_classes) for name in outputs}
    with_chain = [name for name in outputs if all(name in one.chains for one in evaluations)]
    after = {name: sums_of(repeats, name, processed=True) for name in with_chain}
    constant: Scores = {}
    if all(one.training_means for one in evaluations):
        blind = _repeats([_blind(one) for one in evaluations])
        constant = {name: sums_of(blind, name, n_classes=n_classes).scores() for name in outputs}
    return Pooled(
        model=first.model,
        split=first.split,
        split_name=first.split_name,
        folds=tuple(sorted({one.fold for one in evaluations if one.fold is not None})),
        seeds=tuple(sorted({one.seed for one in evaluations})),
        subjects=tuple(sorted({one.subject for one in repeats[0]})),
        outputs=outputs,
        class_names=first.class_names,
        scores={name: own.scores() for name, own in sums.items()},
        constant=constant,
        spread=_spread(sums) if len(repeats) > 1 else {},
        intervals=_intervals(sums),
        processed={name: own.scores() for name, own in after.items()},
        processed_intervals=_intervals(after),
        repeats=repeats,
        n_frames=sum(len(one.time_s) for one in repeats[0]),
        simulated=any(one.simulated for one in evaluations),
        unseen_subjects=all(one.unseen_subjects for one in evaluations),
    )


def _blind(one: Evaluation) -> Evaluation:
    sessions = constant_sessions(one.sessions, training_means=one.training_means, class_names=one.class_names)
    return replace(one, sessions=sessions)


def _require_one_kind(evaluations: Sequence[Evaluation]) -> None:
    first = evaluations[0]
    for one in evaluations[1:]:
        for what, own, other in (
            ("network", first.model, one.model),
            ("split", f"{first.split} of {first.split_name}", f"{one.split} of {one.split_name}"),
            ("output", first.dimensions or first.class_names, one.dimensions or one.class_names),
        ):
            if own != other:
                raise ModelError(f"wanted runs of one {what} to pool, found {own!r} and {other!r}: {one.run}")


def _require_one_recipe(runs: Sequence[Path]) -> None:
    """Raise ModelError unless these runs see the same inputs with the same network and loss.

    Feature sets may lie elsewhere for each fold: a fold's own encoder makes them.
    """
    first: dict[str, object] = {}
    for run in runs:
        record = read_run_record(run)
        own = record.inputs.model_dump(exclude={"features"}) | record.network_options.model_dump()
        own["loss"] = record.loss
        first = first or own
        for key in first:
            if first[key] != own.get(key):
                raise ModelError(
                    f"wanted runs of one system to pool, these differ in {key}: {first[key]!r} and "
                    f"{own.get(key)!r}; name them apart: {run}"
                )


def _repeats(evaluations: Sequence[Evaluation]) -> Repeats:
    """Return per seed its sessions by name, the same ones under every seed."""
    by_seed: dict[int, dict[str, SessionPrediction]] = {}
    for one in evaluations:
        own = by_seed.setdefault(one.seed, {})
        for session in one.sessions:
            if session.session in own:
                raise ModelError(
                    f"wanted each session once under seed {one.seed}, found {session.session!r} twice; "
                    f"pool runs of different folds or seeds, in turn: {one.run}"
                )
            own[session.session] = session
    everyone = set().union(*by_seed.values())
    for seed, own in sorted(by_seed.items()):
        if missing := sorted(everyone - set(own)):
            raise ModelError(
                f"wanted the same sessions under every seed, seed {seed} lacks {missing[0]!r} "
                f"({len(missing)} in all); evaluate its other folds too: {evaluations[0].run.parent}"
            )
    return tuple(tuple(own[name] for name in sorted(own)) for _, own in sorted(by_seed.items()))


def _spread(sums: dict[str, SubjectSums]) -> Scores:
    return {
        name: {
            measure: float(values.std(ddof=1)) for measure, values in own.of_totals(own.values.sum(1)).items()
        }
        for name, own in sums.items()
    }


def _intervals(sums: dict[str, SubjectSums]) -> Intervals:
    found = {name: intervals(own) for name, own in sums.items()}
    return {name: limits for name, limits in found.items() if limits}
