"""A study made and changed: films prepared, raters entered, everything handed out; one function per wish.

Films come first and rows last, and each call hands out whatever is still to be handed out: a command that was
interrupted is simply given again. Nothing here prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import StudyError
from ...output import new_folder
from ..store.records import Assignment, Conflict, Rater, Video
from ..store.store import Store
from ..trace import Dimension
from .plan import passes_of, plan, require_enough
from .practice import prepare_practice
from .prepare import MAX_WIDTH_PX, Prepared, prepare, prepared_before
from .sources import PRACTICE, open_source, session_of, sound_of
from .study import STUDY_NAME, Study, StudyConfig, new_id, new_study

Told = Callable[[int, int], None]
Watch = Callable[[str], AbstractContextManager[Told]]
"""Called with a title as a film begins; what the context yields is told of its frames."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change has done.

    Attributes
    ----------
    films : those that were added
    n_passes : assignments that were added, without practice
    short : session -> how many raters it has, where fewer than wanted could be found
    """

    films: tuple[Prepared, ...] = ()
    n_passes: int = 0
    short: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Films:
    """Which films a study gets, and how they are made.

    Attributes
    ----------
    paths : session folders and video files
    sound : session -> a file whose sound belongs to it
    max_width_px : wider ones are made smaller
    """

    paths: Sequence[Path]
    sound: Mapping[str, Path] = field(default_factory=dict)
    max_width_px: int = MAX_WIDTH_PX

    def by_session(self, known: Sequence[str] = ()) -> dict[str, Path]:
        """Return session -> path; raises StudyError for a session that comes twice or is known already."""
        found: dict[str, Path] = {}
        for path in self.paths:
            session = session_of(path)
            if session in known:
                raise StudyError(f"wanted new sessions, found {session!r}, which the study has: {path}")
            twin = found.setdefault(session, path)
            if twin is not path:
                raise StudyError(
                    f"wanted sessions of different names, found {session!r} twice, also at {twin}; rename or "
                    f"leave out one: {path}"
                )
        for session in self.sound:
            if session not in found:
                raise StudyError(f"wanted sound for one of the sessions, found it for {session!r}")
        return found


def require_different(names: Sequence[str]) -> None:
    """Raise StudyError where a rater is named twice, in whatever letters."""
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.casefold(), name)
        if twin is not name:
            raise StudyError(f"wanted raters of different names, found {twin!r} and {name!r}")


def create(
    path: Path,
    films: Films,
    *,
    raters: Sequence[str],
    config: StudyConfig,
    practice: Path | None,
    database: str | None,
    watch: Watch,
) -> Changed:
    """Make a study with its films, raters and plan; where anything fails, nothing is left.

    Parameters
    ----------
    raters : names, dealt to the teams one by one
    practice : a session or video file; without it the simulated face is rendered
    database : a URL; without it a SQLite file in the study's folder
    """
    if (path / STUDY_NAME).exists():
        raise StudyError(f"a study is there already; add to it with `mavfer study add`: {path}")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError(f"wanted a new or an empty folder, found one with something in it: {path}")
    sources = films.by_session()
    if not sources:
        raise StudyError("wanted sessions or video files to be rated, found none; name at least one")
    require_different(raters)
    teams = [k % config.teams + 1 for k in range(len(raters))]
    require_enough(teams, n_teams=config.teams, raters_per_session=config.raters_per_session)
    _look_at({**sources, **({} if practice is None else {PRACTICE: practice})}, films)
    with new_folder(path, marker=STUDY_NAME) as temporary:
        study = new_study(temporary, config)
        with Store(database or study.database_url, study_id=config.id, key=study.key()) as store:
            try:
                for name, team in zip(raters, teams, strict=True):
                    store.add_rater(name, team=team)
                made = [_practice(study, practice, films, watch)]
                made += _prepare_all(study, sources, films, watch=watch, known=set())
                _enter(store, made)
                passes, short = _hand_out(study, store)
            except BaseException:
                if database is not None:
                    store.undo()
                raise
    return Changed(tuple(made), passes, short)


def add_sessions(study: Study, store: Store, films: Films, *, watch: Watch) -> Changed:
    """Add sessions to a study: prepared, and handed out to the raters who have the least.

    A film that an interrupted call has prepared is taken as it is.
    """
    videos = store.videos()
    sources = films.by_session([one.session for one in videos])
    _look_at(sources, films)
    made = _prepare_all(study, sources, films, watch=watch, known={one.id for one in videos})
    _enter(store, made)
    return Changed(tuple(made), *_hand_out(study, store))


def add_rater(study: Study, store: Store, name: str, *, team: int | None) -> tuple[Rater, Changed]:
    """Add a rater, or let one who left come back; sessions that lack raters are handed out.

    Without a team, the rater joins the one with the fewest.
    """
    raters = store.raters()
    n_teams = study.config.teams
    if team is not None and not 1 <= team <= n_teams:
        raise StudyError(f"wanted a team from 1 to {n_teams}, found {team}")
    known = next((one for one in raters if one.name.casefold() == name.casefold()), None)
    if known is not None and not known.active:
        if team not in (None, known.team):
            raise StudyError(
                f"rater {known.name!r} was in team {known.team} and comes back to it, not to {team}"
            )
        store.set_active(known.id, True)
        return known, Changed((), *_hand_out(study, store))
    sizes = {k: sum(one.active and one.team == k for one in raters) for k in range(1, n_teams + 1)}
    rater = store.add_rater(name, team=team or min(sizes, key=lambda k: (sizes[k], k)))
    return rater, Changed((), *_hand_out(study, store))


def leave(study: Study, store: Store, name: str) -> Changed:
    """Let a rater leave: what is not complete is handed to others of the team; what was rated stays."""
    rater = rater_named(store, name)
    if not rater.active:
        raise StudyError(f"wanted a rater of the study, found {rater.name!r}, who has left already")
    store.set_active(rater.id, False)
    for one in store.assignments(rater=rater.id):
        if one.state == "waiting":
            with suppress(Conflict):  # begun once, or at this moment: it stays, and others get it too
                store.remove_assignments([one.id])
    return Changed((), *_hand_out(study, store))


def again(store: Store, name: str, session: str, *, dimension: Dimension | None) -> int:
    """Let a rater rate a session anew and return how many passes are open again; the old takes are kept.

    Raises
    ------
    StudyError
        There is no such rater or session, the rater has left, or nothing of it was begun.
    """
    rater = rater_named(store, name)
    require_here(rater)
    video = next((one.id for one in store.videos() if one.session == session), None)
    if video is None:
        names = ", ".join(one.session for one in store.videos() if not one.practice) or "no session"
        raise StudyError(f"wanted a session of the study, found {session!r}; it has {names}")
    mine = [one for one in store.assignments(rater=rater.id) if one.video == video]
    begun = [
        one for one in mine if one.take is not None and (dimension is None or dimension in one.dimensions)
    ]
    if not begun:
        what = "has not begun" if mine else "does not rate"
        raise StudyError(
            f"wanted a session that was rated, found that rater {rater.name!r} {what} {session!r}"
        )
    for one in begun:
        store.takes.reopen(one.id)
    return len(begun)


def require_here(rater: Rater) -> None:
    """Raise Conflict where a rater has left, and so rates nothing (anew)."""
    if not rater.active:
        raise Conflict(f"{rater.name!r} has left the study; let the rater come back first")


def rater_named(store: Store, name: str) -> Rater:
    """Return the rater of a name, in whatever letters; raises StudyError that lists the names."""
    raters = store.raters()
    for one in raters:
        if one.name.casefold() == name.casefold():
            return one
    names = ", ".join(one.name for one in raters) or "no rater"
    raise StudyError(f"wanted a rater of the study, found {name!r}; it has {names}")


def _look_at(sources: Mapping[str, Path], films: Films) -> None:
    """Open every source and close it again: what cannot be a film is told before the first is made."""
    for session, path in sources.items():
        open_source(path, session=session).close()
    for path in films.sound.values():
        next(sound_of(path), None)


def _practice(study: Study, path: Path | None, films: Films, watch: Watch) -> Prepared:
    with watch("practice film") as told:
        if path is None:
            return prepare_practice(study.videos, on_progress=told)
        return prepare(
            path, study.videos, session=PRACTICE, max_width_px=films.max_width_px, on_progress=told
        )


def _prepare_all(
    study: Study, sources: Mapping[str, Path], films: Films, *, watch: Watch, known: set[str]
) -> list[Prepared]:
    """Return the films of all sessions, made now or by a call before that was interrupted."""
    made: list[Prepared] = []
    for number, (session, path) in enumerate(sources.items(), start=1):
        before = _made_before(study, session, path, known) if known else None
        if before is None:
            with watch(f"{session} ({number} of {len(sources)})") as told:
                before = prepare(
                    path,
                    study.videos,
                    session=session,
                    sound=films.sound.get(session),
                    max_width_px=films.max_width_px,
                    on_progress=told,
                )
        made.append(before)
    return made


def _made_before(study: Study, session: str, path: Path, known: set[str]) -> Prepared | None:
    source = open_source(path, session=session)
    source.close()
    return prepared_before(study.videos, words=source.words, session=session, known=known)


def _enter(store: Store, made: Sequence[Prepared]) -> None:
    for one in made:
        film = one.film
        store.add_video(Video(one.video, film.session, film.session == PRACTICE, film.end_s, film.sha256))


def _hand_out(study: Study, store: Store) -> tuple[int, dict[str, int]]:
    """Add what is lacking; return how many passes (no practice) and which sessions are short of raters."""
    config, videos = study.config, store.videos()
    found = plan(
        store.raters(),
        videos,
        store.assignments(),
        dimensions=passes_of(config.mode, config.dimensions),
        order=config.order,
        raters_per_session=config.raters_per_session,
        seed=config.seed,
    )
    store.add_assignments(
        Assignment(new_id(), one.rater, one.video, one.dimension, one.position) for one in found.passes
    )
    practice = {one.id for one in videos if one.practice}
    return sum(one.video not in practice for one in found.passes), found.short
