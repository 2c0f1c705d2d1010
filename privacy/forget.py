"""A subject leaves: what the named folders hold of them is found, planned, removed and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..capture.session import require_pseudonym
from .datasets import plan_datasets
from .found import read_all
from .journal import Journal, plan_left, read_journals, write_journals
from .person import Person, person_of
from .places import Places, look
from .plan import Plan, Stay
from .record import ForgetReport, report_of
from .recordings import plan_ratings, plan_sessions
from .removing import carry_out, hold_all
from .runs import plan_runs
from .studies import plan_studies
from .tables import plan_shards, plan_tables, subjects_in_tables
from .traces_left import mentions, plan_others, plan_pages


@dataclass(frozen=True, slots=True)
class Wishes:
    """What else is asked for.

    Attributes
    ----------
    sessions : ids of sessions that are the subject's, whatever the records say
    runs_too : remove networks that learned from the subject
    others_too : remove files that name the subject and that mavfer cannot read, and copies of what goes
    database : URL of a study's database on a server
    """

    sessions: Sequence[str] = ()
    runs_too: bool = False
    others_too: bool = False
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Forgetting:
    """A plan and whom it is about; made by `plan_to_forget`."""

    plan: Plan
    person: Person
    journal: Journal

    def report(self) -> ForgetReport:
        """Return what would be done."""
        return report_of(self.plan, self.person, self.journal, stays=self.plan.stays, dry_run=True)


def plan_to_forget(subject: str, roots: Sequence[Path], wishes: Wishes) -> Forgetting:
    """Return what is to be done so that the folders `roots` hold nothing of `subject`; nothing is changed.

    Every text file is read once; recordings are not. About as fast as `grep -r`.

    Raises
    ------
    UsageError
        A root is no folder, or the subject is no pseudonym.
    ForgetError
        Nobody of that name is known there, or a folder that would go holds what may be others'.
    StudyError
        A study's database is damaged or not at hand.
    """
    require_pseudonym(subject)
    places = _looked(roots, subject)
    journal = read_journals(roots, subject)
    found = read_all(places)
    person = person_of(
        found,
        subject,
        sessions=wishes.sessions,
        names=journal.names,
        known_sessions=journal.sessions,
        tables=subjects_in_tables(places),
        begun=journal.begun,
    )
    plan = Plan(places)
    plan_sessions(plan, found, person)
    plan_studies(plan, person, again=journal.paths("study"), database=wishes.database)
    plan_datasets(plan, found, person, again=journal.paths("dataset"))
    plan_runs(plan, found, person, again=journal.paths("run", "features"), runs_too=wishes.runs_too)
    plan_ratings(plan, person)
    plan_tables(plan, person)
    plan_shards(plan, person)
    plan_left(plan, journal)
    plan_pages(plan, person)
    plan_others(plan, person, others_too=wishes.others_too)
    for path, why in found.doubtful:
        if not plan.goes(path):
            plan.stay(path, f"it could not be told whose it is: {why}", "mend or remove it, and call again")
    for path, why in places.unreadable:
        plan.stay(path, f"it could not be looked into ({why})", "give yourself the right, and call again")
    return Forgetting(plan, person, journal)


def forget(
    forgetting: Forgetting,
    *,
    on_report: Callable[[ForgetReport], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ForgetReport:
    """Do what is planned and return what was done; the folders are then gone through once more.

    Parameters
    ----------
    on_report : called with the report while an interruption would still be finished by another call
    on_progress : told (bytes deleted, bytes in all)

    Raises
    ------
    MavferError
        Somebody is at work on one of the things: then nothing was changed. Or the disk refuses: then the same
        call goes on from there.
    """
    plan, person = forgetting.plan, forgetting.person
    with ExitStack() as stack:
        hold_all(plan, stack)
        journals = write_journals(plan, person, forgetting.journal)
        carry_out(plan, on_progress=on_progress)
    report = report_of(plan, person, forgetting.journal, stays=_stays(plan, person), dry_run=False)
    if on_report is not None:
        on_report(report)
    for path in {*journals, *forgetting.journal.files}:
        path.unlink(missing_ok=True)
    return report


def _looked(roots: Sequence[Path], subject: str) -> Places:
    """Return what lies in the places; one that an interrupted call has removed is none any more."""
    gone = [root for root in roots if not root.exists()]
    if gone and read_journals(gone, subject).begun:
        left = [root for root in roots if root.exists()]
        return look(left or [gone[0].resolve().parent])
    return look(roots)


def _stays(plan: Plan, person: Person) -> list[Stay]:
    """Return what stays: as planned, and whatever still names the subject now that all is done."""
    stays = list(plan.stays)
    named = {stay.path for stay in stays}
    roots = [root for root in plan.places.roots if root.is_dir()]
    for path, word in mentions(look(roots), person) if roots else ():
        if str(path) not in named:
            stays.append(Stay(str(path), f"it still names {word}", "look at it"))
    return stays
