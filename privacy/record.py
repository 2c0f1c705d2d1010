"""What was forgotten, as a record: JSON for programs, a page for people. It alone still names the subject."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..output import new_file
from ..report import Badge, Page, Prose
from .journal import Journal
from .person import Person
from .places import head_of
from .plan import Plan, Stay

KIND, TITLE = "forget report", "Forgotten: "
SCHEMA_VERSION = 1
ELSEWHERE = (
    "other disks of this machine, and folders that were not named",
    "sensor machines: a recorder keeps its files unless `mavfer collect --remove` was called",
    "what `mavfer export`, `mavfer dataset export` and `mavfer traces export` wrote elsewhere",
    "studies served from other machines, and films that raters' browsers may have kept",
    "copies of datasets and runs that were given to others, and networks that were published",
    "figures and pages that were sent or printed; tables that pool many subjects without naming one",
    "backups and snapshots, until they are overwritten; freed blocks of the disk, until it reuses them",
    "the list that says which real name the pseudonym stands for, and the signed form",
)
"""Where else a subject may be: this program sees the named folders alone."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was removed or rewritten."""

    kind: str
    path: str
    action: str
    what: str
    n_files: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What a call has done, or would do.

    Attributes
    ----------
    sessions : ids that belonged to the subject
    lines : what was removed or rewritten, also by interrupted calls before
    stays : what stays although it has to do with the subject
    dry_run : whether nothing was changed
    """

    subject: str
    also_named: tuple[str, ...]
    sessions: tuple[str, ...]
    places: tuple[str, ...]
    at_utc: str
    lines: tuple[Line, ...]
    stays: tuple[Stay, ...]
    dry_run: bool

    @property
    def n_files(self) -> int:
        """Files that were removed or rewritten."""
        return sum(line.n_files for line in self.lines)

    @property
    def n_bytes(self) -> int:
        """Bytes that were removed."""
        return sum(line.n_bytes for line in self.lines)

    def table(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "software": f"mavfer {__version__}",
            "at_utc": self.at_utc,
            "dry_run": self.dry_run,
            "subject": self.subject,
            "also_named": list(self.also_named),
            "sessions": list(self.sessions),
            "places": list(self.places),
            "n_files": self.n_files,
            "n_bytes": self.n_bytes,
            "items": [asdict(line) for line in self.lines],
            "stays": [asdict(stay) for stay in self.stays],
            "look_elsewhere": list(ELSEWHERE),
        }


def report_of(
    plan: Plan, person: Person, journal: Journal, *, stays: Sequence[Stay], dry_run: bool
) -> ForgetReport:
    """Return the report of a plan, with what interrupted calls before it have done."""
    lines: dict[tuple[str, str], Line] = {}
    for one in journal.items:
        fields = {name: one[name] for name in Line.__dataclass_fields__}
        lines[one["kind"], one["path"]] = Line(**fields)
    for item in plan.items:
        key = (item.kind, str(item.path))
        counted = item.kind == "leftover" and journal.begun  # it was moved aside by a call before
        if key not in lines and not counted:
            lines[key] = Line(*key, item.action, item.what, item.n_files, item.n_bytes)
    return ForgetReport(
        subject=person.asked,
        also_named=tuple(sorted(person.names - {person.asked.casefold()})),
        sessions=tuple(sorted(person.sessions)),
        places=tuple(str(root) for root in plan.places.roots),
        at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        lines=tuple(replace(line, path=shown(line.path), what=shown(line.what)) for line in lines.values()),
        stays=tuple(dict.fromkeys(Stay(shown(one.path), shown(one.why), shown(one.do)) for one in stays)),
        dry_run=dry_run,
    )


def shown(text: str) -> str:
    """Return a text in one line: a file may be called by bytes that are no text, or that move a cursor."""
    return "".join(one if one.isprintable() else "?" for one in text)


def is_report(path: Path) -> bool:
    """Whether a file is such a report."""
    head = head_of(path, 4096)
    if path.suffix == ".json":
        return f'"kind": "{KIND}"'.encode() in head
    return f"<title>{TITLE}".encode() in head


def write_report(path: Path, report: ForgetReport, *, overwrite: bool = False) -> None:
    """Write a report as JSON or as a page, as the name's ending says."""
    if path.suffix == ".html":
        report_page(report).write(path, overwrite=overwrite)
        return
    with new_file(path, overwrite=overwrite) as temporary:
        text = json.dumps(report.table(), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", errors="replace")


def report_page(report: ForgetReport) -> Page:
    """Return a report as a page."""
    plan = " (a plan)" if report.dry_run else ""
    page = Page(f"{TITLE}{report.subject}{plan}", _subtitle(report))
    kinds = Counter(line.kind for line in report.lines)
    counted = [
        [
            kind,
            str(n),
            str(sum(line.n_files for line in report.lines if line.kind == kind)),
            size_text(sum(line.n_bytes for line in report.lines if line.kind == kind)),
        ]
        for kind, n in kinds.items()
    ]
    counted.append(["together", str(len(report.lines)), str(report.n_files), size_text(report.n_bytes)])
    page.section(
        "What would go" if report.dry_run else "What went",
        "Files that only lose the subject's part count among the files, and not among the bytes.",
    )
    page.table(["kind", "things", "files", "removed"], counted)
    if report.lines:
        page.section("Thing by thing")
        page.table(
            ["", "kind", "where", "files", "removed"],
            [
                [
                    Badge(line.action, "good"),
                    Prose(line.kind),
                    Prose(line.path, line.what),
                    str(line.n_files),
                    size_text(line.n_bytes),
                ]
                for line in report.lines
            ],
        )
    page.section(
        "What stays, and why",
        "The rest is for you to look at, one by one."
        if report.stays
        else "Nothing else in the named folders is known to show or name the subject.",
    )
    if report.stays:
        page.table(
            ["where", "what to do"],
            [[Prose(stay.path, stay.why), Prose(stay.do.replace("`", ""))] for stay in report.stays],
        )
    page.section(
        "Where else to look",
        "Only the named folders were gone through. These are other places in which a subject may still be.",
    )
    page.table([""], [[Prose(line.replace("`", ""))] for line in ELSEWHERE])
    facts = [
        ["subject", Prose(", ".join((report.subject, *report.also_named)))],
        ["sessions", Prose(", ".join(report.sessions) or "none")],
        ["folders gone through", Prose(", ".join(report.places))],
        ["when", Prose(f"{report.at_utc[:19].replace('T', ' ')} UTC")],
        ["software", Prose(f"mavfer {__version__}")],
    ]
    page.section(
        "What was asked",
        "Nothing was changed: the same call without --dry-run does it."
        if report.dry_run
        else "This report alone still says the pseudonym: keep it with the signed form.",
    )
    page.table(["", ""], facts)
    return page


def _subtitle(report: ForgetReport) -> str:
    size, n_stay = size_text(report.n_bytes), len(report.stays)
    stays = f"{n_stay} thing{'' if n_stay == 1 else 's'}" if n_stay else "nothing"
    if report.dry_run:
        return (
            f"Nothing was changed. {report.n_files} files would be removed or rewritten, {size} would go; "
            f"{stays} would stay"
        )
    return f"{report.n_files} files were removed or rewritten, {size} are gone; {stays} stayed"


def size_text(n_bytes: int) -> str:
    """Return a size in words: "12.3 MB"."""
    size, unit = float(n_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
