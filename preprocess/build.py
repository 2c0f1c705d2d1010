"""Sessions become a dataset: each is built on its own, then all are split and recorded.

A session that cannot be built does not stop the others: its fate and its error stand in `dataset.toml`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from .. import __version__
from ..errors import ConfigError, DatasetError, MavferError
from .build_report import (
    GOLD_STANDARD,
    RATERS_TRACE,
    BuildReport,
    remarks_of,
    remarks_on_consent,
    warnings_of,
)
from .building.jobs import SessionTask
from .building.ledger import Ledger, Progress, Total
from .building.sessions_given import GivenSession, sessions_given, without_boards
from .building.tasks import read_calibrations, sha256_of_detector, task_of
from .building.workplace import Workplace
from .dataset.clips import close_files
from .dataset.record import (
    REPORT_NAME,
    ClipConfig,
    DatasetRecord,
    SessionRecord,
    SplitConfig,
    SplitScheme,
    write_record,
)
from .faces.follower import BOX_POLICY
from .faces.hog import detector_named
from .labels.fused import read_gold_standards
from .labels.ratings import Rated, read_ratings
from .scheduling.processes import build_here, build_in_processes
from .scheduling.watch import Watch, Watches
from .splits.draw import draw_scheme
from .splits.people import SessionInSplit
from .splits.standing import splits_after
from .splits.summary import sessions_in_split


def build_dataset(
    sessions: Sequence[Path],
    *,
    calibration: Path | Sequence[Path] | None,
    traces: Path | None,
    labels: Path | None = None,
    out: Path,
    config: ClipConfig,
    split: SplitConfig | None = None,
    yunet: Path | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    n_workers: int | None = None,
    scheduler: str | None = None,
    on_progress: Progress | None = None,
    watch: Watch | None = None,
) -> BuildReport:
    """Write the dataset of `sessions` to the folder `out` and return how each session fared.

    After an interruption the same call goes on: finished sessions whose inputs and configuration are the
    same are not built again.

    Parameters
    ----------
    sessions : recorded sessions, or folders of them
    calibration : files, each of another rig; None where all sessions have color alone
    traces : folder of the raters' traces; None leaves all labels NaN. A session that nobody rated is built
        without labels
    labels : folder of gold standards made by `mavfer labels fuse`, in place of `traces`
    split : which subjects are held out; None keeps the splits of a dataset that is replaced
    yunet : a YuNet detector's file, to find faces with; None for dlib's HOG detector
    overwrite : replace a dataset at `out`; its unchanged sessions are taken over, and its splits where they
        know every subject. What is said in `split` has the default one drawn anew
    fresh : build every session, whatever was built before
    n_workers : processes of this machine; None for one per core. Sessions are shared out among them
    scheduler : address of a Dask scheduler whose workers build in place of processes
    on_progress : told (frames done, frames in all)
    watch : told of every session

    Raises
    ------
    CalibrationError, TraceError, ConfigError, FaceError
        A calibration, the folder of traces or the detector cannot be used at all.
    DatasetError
        The split asks for more subjects than there are, or not one of several sessions could be built.
    FaceError and the like
        The only session could not be built.
    OutputError
        Something stands at `out`, or the disk refuses.
    """
    if scheduler is not None:
        sessions, out = (
            [path.absolute() for path in sessions],
            out.absolute(),
        )  # other machines work elsewhere
        yunet = yunet.absolute() if yunet is not None else None
    calibrations = read_calibrations(calibration)
    found, boards = without_boards(
        sessions_given(sessions), [solved for solved, _, _ in calibrations.values()]
    )
    split = split or SplitConfig()
    asked = [SessionInSplit(one.id, one.subject, 0) for one in found if one.record is not None]
    if asked:
        draw_scheme(asked, split)  # too few subjects: said before hours of work, not after
    yunet_sha256 = sha256_of_detector(yunet)
    detector = detector_named(yunet).name  # a file that is no detector: said now, not by every session
    rated = _rated({one.id for one in found if one.record}, traces=traces, labels=labels, config=config)
    with closing(Workplace(out, overwrite=overwrite, fresh=fresh)) as workplace:
        ledger = Ledger(workplace)
        tasks = []
        for one in found:
            task = task_of(
                one,
                calibrations=calibrations,
                rated=rated.get(one.id, Rated()),
                config=config,
                yunet=yunet,
                yunet_sha256=yunet_sha256,
                workplace=workplace,
            )
            if isinstance(task, MavferError):
                ledger.fail(one, task)
            else:
                tasks.append(task)
        watches = [ledger, *([Total(on_progress)] if on_progress else []), *([watch] if watch else [])]
        _build(tasks, Watches(*watches), workplace.folder, n_workers=n_workers, scheduler=scheduler)
        record, remarks = _record(
            found,
            ledger,
            workplace,
            config=config,
            split=split,
            detector=detector,
            ratings_given=GOLD_STANDARD if labels else RATERS_TRACE if traces else None,
        )
        write_record(workplace.folder, record, overwrite=True)
        page, trouble = _write_page(workplace.folder)
        close_files()  # the split and the page have read them
        workplace.finish([entry.file for entry in record.built if entry.file])
    return BuildReport(
        out,
        record,
        warnings_of(record, more=[*remarks, *trouble]),
        reused=tuple(ledger.reused),
        defects=ledger.defects,
        report=out / REPORT_NAME if page else None,
        left_out=tuple(f"{one.id}: the calibration was solved from it" for one in boards),
    )


def _rated(
    session_ids: set[str], *, traces: Path | None, labels: Path | None, config: ClipConfig
) -> dict[str, Rated]:
    """Return what is known of the sessions' ratings, from traces or from gold standards."""
    if labels is None:
        return {} if traces is None else read_ratings(traces, session_ids)
    if traces is not None:
        raise ConfigError(f"wanted traces or gold standards, found both; leave one out: {labels}")
    if config.rater_lag_s:
        raise ConfigError(
            f"wanted no rater_lag_s with gold standards, found {config.rater_lag_s:g} s; pass it to `mavfer "
            f"labels fuse --lag` and leave it out here: {labels}"
        )
    usual_s = ClipConfig.model_fields["max_label_gap_s"].default
    if config.max_label_gap_s != usual_s:
        raise ConfigError(
            f"wanted no max_label_gap_s with gold standards, found {config.max_label_gap_s:g} s; pass it to "
            f"`mavfer labels fuse --max-gap-s` and leave it out here: {labels}"
        )
    return read_gold_standards(labels, session_ids)


def _build(
    tasks: Sequence[SessionTask],
    watch: Watch,
    folder: Path,
    *,
    n_workers: int | None,
    scheduler: str | None,
) -> None:
    n_at_once = max(1, min(n_workers or os.cpu_count() or 1, len(tasks)))
    watch.planned(tasks)
    if not tasks:
        return
    if scheduler is not None:
        from .scheduling.cluster import build_on_cluster

        build_on_cluster(tasks, watch, address=scheduler, folder=folder)
    elif n_at_once == 1:
        build_here(tasks, watch)
    else:
        build_in_processes(tasks, watch, n_workers=n_at_once)


def _record(
    found: Sequence[GivenSession],
    ledger: Ledger,
    workplace: Workplace,
    *,
    config: ClipConfig,
    split: SplitConfig,
    detector: str,
    ratings_given: str | None,
) -> tuple[DatasetRecord, list[str]]:
    """Return the dataset's record and what went wrong with it; raises where not one session was built."""
    consents = {
        one.id: (one.subject, one.record.consent.reference)
        for one in found
        if one.record is not None and one.record.consent is not None
    }
    doubts = remarks_on_consent(consents)
    entries = []
    for one in found:
        entry = ledger.entries[one.path]
        if entry.fate == "built":
            remarks = remarks_of(entry, ratings_given=ratings_given)
            remarks += (doubts[one.id],) if one.id in doubts else ()
            entry = entry.model_copy(update={"remarks": remarks})
        entries.append(entry)
    built = [entry for entry in entries if entry.fate == "built"]
    if not built:
        if len(ledger.errors) == 1:
            raise ledger.errors[0]
        raise DatasetError(
            f"not one of {len(ledger.errors)} sessions could be built; the first: {ledger.errors[0]}"
        )
    splits, trouble = _splits(workplace, built, split)
    record = DatasetRecord(
        software=f"mavfer {__version__}",
        simulated=any(entry.simulated for entry in built),
        detector=detector,
        box_policy=BOX_POLICY,
        config=config,
        splits=splits,
        sessions=tuple(entries),
    )
    return record, trouble


def _splits(
    workplace: Workplace, built: Sequence[SessionRecord], config: SplitConfig
) -> tuple[tuple[SplitScheme, ...], list[str]]:
    """Return the dataset's splits, those of the dataset that it replaces where they hold, and what to say."""
    remarks: list[str] = []
    try:
        standing = workplace.standing_splits()
    except MavferError as error:
        standing = ()
        remarks.append(f"the splits of the dataset that is replaced do not read and are lost: {error}")

    def draw() -> SplitScheme:
        try:
            return draw_scheme(sessions_in_split(workplace.folder, built), config)
        except DatasetError as error:  # the sessions that failed are missed; hours of work must not be
            remarks.append(
                f"all subjects are for training, make a split with `mavfer dataset split`: {error}"
            )
            return SplitScheme(by="subject", subjects={entry.subject: "train" for entry in built})

    asked = bool(config.model_fields_set)
    return splits_after(standing, built, draw=draw, asked=asked, remarks=remarks), remarks


def _write_page(folder: Path) -> tuple[bool, list[str]]:
    """Write the page that explains the dataset; what goes wrong there must not cost the dataset."""
    from .report.page import dataset_page

    try:
        dataset_page(folder).write(folder / REPORT_NAME)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return False, [f"{REPORT_NAME} could not be made ({reason})"]
    return True, []
