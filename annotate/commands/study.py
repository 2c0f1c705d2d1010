"""The commands `mavfer study ...`: a study made and changed; results on stdout, warnings on stderr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...facts import AsJson, print_json
from ..study.study import Mode, Order
from ..trace import DIMENSIONS, Dimension
from .study_status import counted, status_facts, table, tell
from .which_study import Database, Folder, opened_with_store

if TYPE_CHECKING:
    from ..study.setup import Films

Sound = Annotated[
    list[str] | None,
    typer.Option(metavar="SESSION=FILE", help="A file whose sound belongs to a session; may be repeated."),
]
Width = Annotated[
    int,
    typer.Option("--max-width", metavar="PIXELS", min=160, max=3840, help="Wider films are made smaller."),
]
Sources = Annotated[
    list[Path], typer.Argument(metavar="SESSION", help="Session folders or video files to be rated.")
]


def new(
    study: Folder,
    sessions: Sources,
    raters: Annotated[
        str, typer.Option(metavar="NAMES|N", help="anna,ben,... or a number: rater1, rater2, ...")
    ],
    teams: Annotated[int, typer.Option(min=1, max=20, help="Raters are dealt to so many teams.")] = 2,
    per_session: Annotated[
        int, typer.Option(min=1, max=50, help="Raters of each session, all of one team.")
    ] = 3,
    dimensions: Annotated[str, typer.Option(help="What is rated.")] = "valence,arousal",
    mode: Annotated[
        Mode, typer.Option(help="A slider in a pass per dimension, or both at once on a pad.")
    ] = "separate",
    order: Annotated[
        Order, typer.Option(help="separate: one dimension after the other, or one video after the other.")
    ] = "by-dimension",
    practice: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Session or video to practise on; a simulated face if not given."),
    ] = None,
    title: Annotated[str, typer.Option(help="What raters read at the top.")] = "Rating study",
    rewind_s: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, max=60, help="How far one press of back goes.")
    ] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another plan.")] = 0,
    sound: Sound = None,
    max_width: Width = 1280,
    database: Database = None,
) -> None:
    """Make a study: films prepared, raters in teams, every session assigned, in an order of each rater's own.

    The paper's 6 raters in 2 teams, 3 of them for each session, are the defaults with --raters 6. Then run
    `mavfer annotate STUDY`, and `mavfer study invite STUDY` for the raters' links.

    Example: mavfer study new study sessions/S01-001 sessions/S02-001 --raters 6
    Example: mavfer study new study film.mp4 --raters anna --teams 1 --per-session 1
    """
    from ..store.store import Store
    from ..study.setup import create
    from ..study.study import StudyConfig, new_id, open_study

    names = _names(raters)
    chosen = _dimensions(dimensions)
    if mode == "together" and len(chosen) < 2:
        raise _misused("--mode together rates both dimensions at once; leave out --dimensions")
    if not title.strip() or len(title) > 120:
        raise _misused("--title wants 1 to 120 letters")
    config = StudyConfig(
        id=new_id(),
        title=title.strip(),
        dimensions=chosen,
        mode=mode,
        order=order,
        raters_per_session=per_session,
        teams=teams,
        seed=seed,
        rewind_s=rewind_s,
    )
    changed = create(
        study,
        _films(sessions, sound, max_width),
        raters=names,
        config=config,
        practice=practice,
        database=database,
        watch=_watch,
    )
    tell(changed)
    made = open_study(study)
    with Store(database or made.database_url, study_id=config.id, key=made.key()) as store:
        table(store)
    typer.echo(f"next: mavfer annotate {study}, and mavfer study invite {study}", err=True)


def add(
    study: Folder,
    sessions: Annotated[
        list[Path] | None, typer.Argument(metavar="SESSION", help="Session folders or video files.")
    ] = None,
    rater: Annotated[
        str | None, typer.Option(metavar="NAME", help="A rater who comes, or comes back.")
    ] = None,
    team: Annotated[
        int | None, typer.Option(min=1, max=20, help="The rater's team; the smallest if not given.")
    ] = None,
    sound: Sound = None,
    max_width: Width = 1280,
    database: Database = None,
) -> None:
    """Add sessions to be rated, or a rater; what is assigned already stays as it is.

    Example: mavfer study add study sessions/S03-001
    Example: mavfer study add study --rater dora
    """
    from ..study.setup import add_rater, add_sessions

    if not sessions and rater is None:
        raise _misused("name sessions to add, or --rater NAME")
    if team is not None and rater is None:
        raise _misused("--team wants --rater NAME")
    opened, store = opened_with_store(study, database)
    with store:
        if rater is not None:
            person, changed = add_rater(opened, store, rater, team=team)
            typer.echo(
                f"rater {person.name} is in team {person.team}, {counted(changed.n_passes, 'pass')} assigned"
            )
            tell(changed)
        if sessions:
            changed = add_sessions(opened, store, _films(sessions, sound, max_width), watch=_watch)
            added = counted(len(changed.films), "session")
            typer.echo(f"{added} added, {counted(changed.n_passes, 'pass')} assigned")
            tell(changed)


def leave(
    study: Folder,
    rater: Annotated[str, typer.Argument(metavar="RATER", help="Who leaves.")],
    database: Database = None,
) -> None:
    """Let a rater leave: logins end, what is not complete goes to others of the team, ratings stay.

    Example: mavfer study leave study anna
    """
    from ..study.setup import leave as let_leave

    opened, store = opened_with_store(study, database)
    with store:
        changed = let_leave(opened, store, rater)
    typer.echo(f"rater {rater} has left, {counted(changed.n_passes, 'pass')} handed to others")
    tell(changed)


def again(
    study: Folder,
    rater: Annotated[str, typer.Argument(metavar="RATER", help="Who rates anew.")],
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session's name.")],
    dimension: Annotated[Dimension | None, typer.Option(help="One dimension only.")] = None,
    database: Database = None,
) -> None:
    """Let a rater rate a session anew; what was given stays in the database and counts no more.

    Example: mavfer study again study anna S01-001 --dimension valence
    """
    from ..study.setup import again as open_again

    _, store = opened_with_store(study, database)
    with store:
        n_passes = open_again(store, rater, session, dimension=dimension)
    typer.echo(f"rater {rater} rates {session} anew: {counted(n_passes, 'pass')}")


def status(study: Folder, database: Database = None, as_json: AsJson = False) -> None:
    """Show how far everyone is, what is left, and who should be reminded.

    Example: mavfer study status study
    """
    opened, store = opened_with_store(study, database)
    with store:
        if as_json:
            print_json({"study": study, "title": opened.config.title, **status_facts(store)})
        else:
            table(store)


def key(study: Folder) -> None:
    """Make a new key where the study's key is lost; all links and logins are void then, ratings stay.

    Example: mavfer study key study
    """
    from ...errors import StudyError
    from ..study.study import KEY_NAME, open_study, write_key

    opened = open_study(study)
    try:
        write_key(opened.path)
    except FileExistsError as error:
        raise StudyError(
            f"wanted a study without a key, found one; delete it first, which voids all links and logins: "
            f"{opened.path / KEY_NAME}"
        ) from error
    typer.echo(f"a new key is there; send new links with `mavfer study invite`: {opened.path / KEY_NAME}")


def _names(text: str) -> list[str]:
    """Return the raters' names that `--raters` means."""
    if text.isdecimal():
        if not 1 <= int(text) <= 200:
            raise _misused(f"--raters wants names or a number from 1 to 200, found {text}")
        return [f"rater{k + 1}" for k in range(int(text))]
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise _misused(f"--raters wants names with commas between them, found {text!r}")
    return names


def _dimensions(text: str) -> tuple[Dimension, ...]:
    words = [word.strip() for word in text.split(",")]
    chosen: tuple[Dimension, ...] = tuple(one for one in DIMENSIONS if one in words)
    if len(chosen) != len(words):
        raise _misused(f"--dimensions wants valence, arousal or valence,arousal, found {text!r}")
    return chosen


def _films(paths: Sequence[Path], sound: list[str] | None, max_width_px: int) -> Films:
    from ..study.setup import Films

    pairs = [one.partition("=") for one in sound or ()]
    for session, equals, file in pairs:
        if not (session and equals and file):
            raise _misused(f"--sound wants SESSION=FILE, found {session + equals + file!r}")
    return Films(paths, {session: Path(file) for session, _, file in pairs}, max_width_px)


def _watch(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    from ...progress import bar

    return bar(title)


def _misused(text: str) -> Exception:
    from ...errors import UsageError

    return UsageError(text)
