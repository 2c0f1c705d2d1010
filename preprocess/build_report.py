"""What a build made, and what its user must know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .dataset.record import DatasetRecord, SessionRecord

TOO_FEW_ALIGNED = 0.9
RATERS_TRACE, GOLD_STANDARD = "rater's trace", "gold standard"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made.

    Attributes
    ----------
    path : the dataset
    record : the content of its `dataset.toml`
    warnings : what the user must know about the result, the sessions' remarks among it
    reused : ids of the sessions that did not have to be built again
    defects : by session, the traceback of what is mavfer's own fault
    report : the page that explains the dataset; None where it could not be made
    left_out : sessions of the folders given that are no subject's, a line for each
    """

    path: Path
    record: DatasetRecord
    warnings: tuple[str, ...]
    reused: tuple[str, ...] = ()
    defects: Mapping[str, str] | None = None
    report: Path | None = None
    left_out: tuple[str, ...] = ()

    @property
    def built(self) -> tuple[SessionRecord, ...]:
        """The sessions that are in the dataset."""
        return self.record.built

    @property
    def failed(self) -> tuple[SessionRecord, ...]:
        """The sessions that could not be built; each says why."""
        return self.record.failed

    @property
    def n_frames(self) -> int:
        """Rows over all sessions."""
        return sum(session.n_frames for session in self.built)

    @property
    def aligned_share(self) -> float:
        """Share of all rows that show an aligned face."""
        return sum(session.aligned_share * session.n_frames for session in self.built) / max(1, self.n_frames)

    @property
    def aligned_shares(self) -> dict[str, float]:
        """The same per session."""
        return {session.id: session.aligned_share for session in self.built}

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Frames per stream and reason, over all sessions; each stream's counts sum to its sessions' rows."""
        total: dict[str, Counter[str]] = {}
        for session in self.built:
            for stream, counts in session.reasons.items():
                total.setdefault(stream, Counter()).update(counts)
        return {stream: dict(counts) for stream, counts in total.items()}


def remarks_of(entry: SessionRecord, *, ratings_given: str | None) -> tuple[str, ...]:
    """Return what the user must know of one session that was built, one line each, its own remarks first.

    Parameters
    ----------
    ratings_given : what the build was given to make labels of, in words: RATERS_TRACE or GOLD_STANDARD; None
        for nothing
    """
    remarks = list(entry.remarks)
    if entry.aligned_share < TOO_FEW_ALIGNED:
        remarks.append(f"only {entry.aligned_share:.0%} of the frames show a face")
    if ratings_given and not entry.raters:
        remarks.append(f"no {ratings_given}: it has no labels, so it is for looking at and not for training")
    return tuple(dict.fromkeys(remarks))


def remarks_on_consent(references: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return remarks by session id, where sessions of one subject name different consent forms.

    Two people who were given one pseudonym show in nothing else, and would sit in training and in testing.

    Parameters
    ----------
    references : by session id, the subject and the consent's reference
    """
    by_subject: dict[str, dict[str, list[str]]] = {}
    for session_id, (subject, reference) in references.items():
        by_subject.setdefault(subject.casefold(), {}).setdefault(reference, []).append(session_id)
    remarks = {}
    for forms in by_subject.values():
        for reference, sessions in forms.items():
            others = [f"{other!r} of {ids[0]!r}" for other, ids in forms.items() if other != reference]
            for session_id in sessions if others else ():
                subject = references[session_id][0]
                remarks[session_id] = (
                    f"IS THIS ONE PERSON? subject {subject!r} has consent {reference!r} here and "
                    f"{', '.join(others)}; two people with one id would be taken for one"
                )
    return remarks


def warnings_of(record: DatasetRecord, *, more: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what the user must know about a dataset, its sessions' remarks included."""
    warnings = list(more)
    built = record.built
    if record.scheme().by == "time":
        warnings.append(
            f"one subject only ({built[0].subject}): split in time; scores on this dataset do not say how "
            "well a network does on people it has not seen"
        )
    warnings += [f"session {entry.id!r}: {remark}" for entry in built for remark in entry.remarks]
    spelled: dict[str, str] = {}
    for entry in built:
        first = spelled.setdefault(entry.subject.casefold(), entry.subject)
        if entry.subject != first:
            warnings.append(f"subjects {entry.subject!r} and {first!r} are taken for one person")
    if not any(entry.raters for entry in built):
        warnings.append("no ratings: the dataset has no labels, so nothing can be trained on it")
    return tuple(dict.fromkeys(warnings))
