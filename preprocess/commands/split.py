"""`mavfer dataset split`: another way to divide a dataset; the table of what lies where on stdout."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import DatasetError, UsageError
from ...facts import AsJson, print_json
from ..dataset.record import SplitConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..dataset.record import DatasetRecord, SplitScheme
    from ..splits.people import SessionInSplit
    from ..splits.summary import PartSummary

N_NAMED = 6
N_COMPARED = 25
"""Plain draws that a balanced split is compared with."""
HOW = "--folds N, --paper, --test-subjects N, --test S03,S07, --in-time, --show or --remove NAME"


def split(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset.", show_default=False)],
    name: Annotated[
        str | None, typer.Option(help="How train --split will call it; else kfold5, paper, by-hand, in-time.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="N folds; every subject is tested once, in one of them."),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="12 subjects to train on and 5 to test on, or as many in 17.")
    ] = False,
    test_subjects: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="So many subjects are for testing.")
    ] = None,
    validation_subjects: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="So many are for validation; else 1 in 6.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="S03,S07", help="These subjects are for testing, the rest trains.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(metavar="S01", help="These subjects are for validation.")
    ] = None,
    in_time: Annotated[
        bool, typer.Option("--in-time", help="Every session's end is for testing; of one subject.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Draws the subjects; else 0.")] = None,
    balance: Annotated[
        bool | None,
        typer.Option(
            "--balance/--no-balance", help="Make the parts' labels alike (the default), or draw only."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the dataset's splits; change nothing.")] = False,
    remove: Annotated[str | None, typer.Option(metavar="NAME", help="Take a split out.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a split of that name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Divide a dataset another way: whole subjects, never a subject in two; nothing is built again.

    The default split stays what it is. Labels are made alike by exchanging subjects among many draws, so
    that the earth mover's distance between the labels of each part and those of all is small.

    Example: mavfer dataset split clips --folds 5
    Example: mavfer dataset split clips --test S03,S07 --validation S01 --name by-hand
    """
    by_number = test_subjects is not None or validation_subjects is not None
    by_hand = test is not None or validation is not None
    _require_one_way([folds is not None, paper, by_number, by_hand, in_time, show, remove is not None])
    drawn = folds is not None or paper or by_number
    _refuse("--seed", seed is not None and not drawn, "a split that is drawn")
    _refuse("--balance", balance is not None and not drawn, "a split that is drawn")
    _refuse("--overwrite", overwrite and (show or remove is not None), "a new split")
    _refuse("--name", name is not None and remove is not None, "a new split or --show")
    if name is not None:
        _require_name(name)

    from ..dataset.record import read_record

    if remove is not None:
        from ..splits.store import remove_split

        _print_names(remove_split(dataset, remove), dataset, as_json=as_json)
    elif show and as_json:
        from .dataset_facts import split_facts

        record = read_record(dataset)
        schemes = record.splits if name is None else (record.scheme(name),)
        print_json({"dataset": dataset, "splits": [split_facts(dataset, record, one) for one in schemes]})
    elif show:
        _show(dataset, read_record(dataset), name)
    else:
        way = _Way(folds, test_subjects, validation_subjects, test, validation, in_time, seed or 0)
        _make(
            dataset, name or way.name, way, balance=balance is not False, overwrite=overwrite, as_json=as_json
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """How a split is made: in folds, by hand, in time, or by numbers of subjects, absent for the paper's."""

    folds: int | None
    test_subjects: int | None
    validation_subjects: int | None
    test: str | None
    validation: str | None
    in_time: bool
    seed: int

    @property
    def by_hand(self) -> bool:
        return self.test is not None or self.validation is not None

    @property
    def drawn(self) -> bool:
        return not (self.by_hand or self.in_time)

    @property
    def name(self) -> str:
        """What the split is called where no name is given."""
        if self.folds is not None:
            return f"kfold{self.folds}"
        if self.drawn:
            return "paper" if self.test_subjects is self.validation_subjects is None else "drawn"
        return "by-hand" if self.by_hand else "in-time"

    def scheme(
        self, sessions: "Sequence[SessionInSplit]", name: str, *, seed: int, balance: bool
    ) -> "SplitScheme":
        """Return the split of `sessions`."""
        from ..splits import draw

        if self.by_hand:
            test, validation = _listed(self.test), _listed(self.validation)
            return draw.scheme_by_hand(sessions, test=test, validation=validation, name=name)
        if self.in_time:
            return draw.scheme_in_time(sessions, name=name)
        if self.folds is not None:
            return draw.draw_folds(sessions, self.folds, name=name, seed=seed, balance=balance)
        config = SplitConfig(
            n_test_subjects=self.test_subjects, n_validation_subjects=self.validation_subjects, seed=seed
        )
        return draw.draw_scheme(sessions, config, name=name, balance=balance)


def _make(path: Path, name: str, way: _Way, *, balance: bool, overwrite: bool, as_json: bool) -> None:
    """Write a split into the dataset's record and print it."""
    from ..dataset.record import read_record
    from ..splits.store import add_split, require_name_free
    from ..splits.summary import sessions_in_split

    record = read_record(path)
    require_name_free(record, name, overwrite=overwrite, path=path)
    sessions = sessions_in_split(path, record.built)
    compared: list[SplitScheme] = []
    try:
        scheme = way.scheme(sessions, name, seed=way.seed, balance=balance)
        if scheme.balanced_on:
            compared = [way.scheme(sessions, name, seed=k, balance=False) for k in range(N_COMPARED)]
    except DatasetError as error:
        raise DatasetError(f"{error}: {path}") from error
    if scheme.by == "time" and not way.in_time:
        raise DatasetError(
            f"wanted several subjects to split, found one ({sessions[0].subject}); pass --in-time, or add "
            f"sessions of others: {path}"
        )
    record = add_split(path, scheme, overwrite=overwrite)
    if as_json:
        from .dataset_facts import split_facts

        print_json({"dataset": path, "splits": [split_facts(path, record, scheme)]})
    else:
        _print_scheme(path, record, scheme)
        _print_gain(sessions, scheme, compared)
    _warn(record, scheme)


def _show(path: Path, record: "DatasetRecord", name: str | None) -> None:
    """Print one split, or all; one that does not know all sessions does not hide the others."""
    failed = False
    for scheme in record.splits if name is None else (record.scheme(name),):
        try:
            _print_scheme(path, record, scheme)
        except DatasetError as error:
            typer.echo(f"error: {error}: {path}", err=True)
            failed = True
    if failed:
        raise typer.Exit(1)


def _require_one_way(ways: "Sequence[bool]") -> None:
    if sum(ways) != 1:
        found = "none" if not any(ways) else "several"
        raise UsageError(f"wanted one way to split, found {found}; pass one of {HOW}")


def _refuse(option: str, misused: bool, wanted: str) -> None:
    if misused:
        raise UsageError(f"wanted {option} with {wanted}, found it with another option")


def _require_name(name: str) -> None:
    from pydantic import ValidationError

    from ..dataset.record import SplitScheme

    try:
        SplitScheme(name=name, by="subject")
    except ValidationError as error:
        raise UsageError(
            f"wanted a --name of letters, digits, - and _, at most 64, found {name!r:.80}"
        ) from error


def _listed(subjects: str | None) -> list[str]:
    return [one for one in (subjects or "").split(",") if one.strip()]


def _print_names(record: "DatasetRecord", path: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"dataset": path, "splits": [{"name": scheme.name} for scheme in record.splits]})
        return
    typer.echo(f"splits: {', '.join(scheme.name for scheme in record.splits)}: {path}")


def _print_scheme(path: Path, record: "DatasetRecord", scheme: "SplitScheme") -> None:
    """Print one line per part, or per fold what it tests."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..splits.summary import distance, summary_of

    summaries = summary_of(path, record, scheme)
    dimensions = list(summaries[0].mean) if summaries else []
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("fold" if scheme.by == "fold" else "split", no_wrap=True)
    for column in ("frames", "clips", *dimensions, *(["to all"] if dimensions else [])):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("subjects", overflow="fold")
    for one in summaries:
        labels = [f"{one.mean[name]:+.2f} ± {one.spread[name]:.2f}" for name in dimensions]
        table.add_row(
            one.split if one.fold is None else str(one.fold),
            str(one.n_frames),
            str(one.n_clips),
            *(text.replace("+nan ± nan", "-") for text in labels),
            *([f"{distance(one, summaries):.3f}".replace("nan", "-")] if dimensions else []),
            escape(_named(one)),
        )
    console = Console(highlight=False)
    drawn = f", seed {scheme.seed}" if scheme.by != "time" and (scheme.seed or scheme.balanced_on) else ""
    balanced = f", balanced on {' and '.join(scheme.balanced_on)}" if scheme.balanced_on else ""
    kind = {
        "subject": "by subject",
        "fold": f"{scheme.n_folds} folds of subjects; where one is tested, the "
        + ("next validates" if scheme.n_folds > 2 else "other trains"),
        "time": "in time",
    }
    title = f"{scheme.name}: {kind[scheme.by]}{drawn}{balanced}: {path}"
    console.print(title, soft_wrap=True, markup=False)
    console.print(table)


def _named(one: "PartSummary") -> str:
    more = f" and {len(one.subjects) - N_NAMED} more" if len(one.subjects) > N_NAMED else ""
    return f"{len(one.subjects)}: {' '.join(one.subjects[:N_NAMED])}{more}"


def _print_gain(
    sessions: "Sequence[SessionInSplit]", scheme: "SplitScheme", compared: "Sequence[SplitScheme]"
) -> None:
    """Print how much more alike the parts of a balanced split are than those of plain draws."""
    if not compared:
        return
    from statistics import median

    from ..splits.draw import mean_distance

    drawn = median(mean_distance(sessions, other) for other in compared)
    typer.echo(
        f"distance of the parts' labels from all labels: {mean_distance(sessions, scheme):.3f} on average, "
        f"{drawn:.3f} for plain draws"
    )


def _warn(record: "DatasetRecord", scheme: "SplitScheme") -> None:
    from ..dataset.clips import parts_of

    if scheme.by == "fold":
        if scheme.n_folds == 2:
            typer.echo("warning: with 2 folds none is left to validate on; the last epoch is kept", err=True)
        return
    there = {part.split for entry in record.built for part in parts_of(entry, scheme)}
    if scheme.by == "time":
        typer.echo(
            "warning: split in time; scores do not say how well a network does on people it has not seen",
            err=True,
        )
    if "validation" not in there:
        typer.echo("warning: nothing to validate on; the last epoch will be kept", err=True)
    if "test" not in there:
        typer.echo("warning: nothing to test on", err=True)
