"""The command `mavfer forget`: the plan and what was done on stdout, the question and progress on stderr."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def forget(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The pseudonym.", show_default=False)],
    places: Annotated[
        list[Path],
        typer.Argument(metavar="PLACE...", help="Folders to go through, at any depth.", show_default=False),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    out: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write the report: .html or .json; may be repeated."),
    ] = None,
    session: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="A session that is theirs, whatever the records say; may be repeated."
        ),
    ] = None,
    runs_too: Annotated[
        bool, typer.Option("--runs-too", help="Remove networks that learned from them, exported ones too.")
    ] = False,
    others_too: Annotated[
        bool,
        typer.Option("--others-too", help="Remove files that name them and are not mavfer's, and copies."),
    ] = False,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="MAVFER_DATABASE",
            show_envvar=True,
            help="postgresql://USER:PASSWORD@HOST/NAME of a study that has no database in its folder.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the report that stands there.")
    ] = False,
) -> None:
    """Remove a subject everywhere in some folders: sessions, ratings, films, datasets, what runs hold.

    What would go is told, then asked about; where nobody can answer, --yes is wanted. Datasets and splits
    stay valid, figures that pool subjects are computed anew, and networks that learned from the subject are
    named: these cannot unlearn. Interrupted, the same call goes on. Copies elsewhere are not reached.

    Example: mavfer forget S07 sessions studies datasets runs --dry-run

    Example: mavfer forget S07 /data/lab --yes --runs-too --out S07-forgotten.html
    """
    from ..errors import UsageError
    from ..output import require_free
    from ..progress import bar
    from .forget import Wishes, plan_to_forget
    from .forget import forget as carry_out
    from .record import write_report

    reports = out or []
    for path in reports:
        if path.suffix not in (".html", ".json"):
            raise UsageError(f"wanted a report called .html or .json, found {path.name!r}: {path}")
        require_free(path, overwrite=overwrite)
    wishes = Wishes(tuple(session or ()), runs_too=runs_too, others_too=others_too, database=database)
    forgetting = plan_to_forget(subject, places, wishes)
    planned = forgetting.report()

    def write(report) -> None:
        for path in reports:
            write_report(path, report, overwrite=overwrite)

    if dry_run:
        write(planned)
        _tell(planned, as_json=as_json)
        return
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                "wanted --yes, or a terminal to ask at, found neither; --dry-run tells what would go"
            )
        _tell(planned, as_json=False, err=True)
        typer.confirm(f"Forget {subject}? This cannot be taken back", abort=True, err=True)
    with bar("forgetting") as on_progress:
        done = carry_out(forgetting, on_report=write, on_progress=on_progress)
    _tell(done, as_json=as_json)


def _tell(report, *, as_json: bool, err: bool = False) -> None:
    from .record import size_text

    if as_json:
        typer.echo(json.dumps(report.table()))
        return
    if report.also_named:
        typer.echo(f"{'also':9} named {', '.join(report.also_named)}: the same recordings", err=err)
    for line in report.lines:
        n = f"{line.n_files} {'file' if line.n_files == 1 else 'files'}, {size_text(line.n_bytes)}"
        typer.echo(f"{line.action:9} {line.kind:11} {line.path} ({n}): {line.what}", err=err)
    for stay in report.stays:
        typer.echo(f"{'stays':9} {stay.path}: {stay.why}; {stay.do}", err=err)
    done = "would be removed or rewritten" if report.dry_run else "removed or rewritten"
    size = f"{size_text(report.n_bytes)} {'would go' if report.dry_run else 'are gone'}"
    typer.echo(
        f"{report.subject}: {len(report.lines)} things, {report.n_files} files {done}, {size}; "
        f"{len(report.stays)} stay; copies elsewhere are not reached",
        err=err,
    )
