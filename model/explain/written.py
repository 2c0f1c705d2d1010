"""An explanation as a folder: the page, films and pictures of where a network looks, the figures as JSON."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ModelError
from ...output import new_folder
from .attention import maps_of_clips
from .deletion import ORDERS, area_of, better_by
from .explain import Explained, clip_map
from .film import Shown, over_frames, write_film, write_strip
from .regions import REGIONS, times_chance
from .telling import on_telling

PAGE_NAME = "index.html"
FIGURES_NAME = "explain.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Written:
    """What stands beside the page.

    Attributes
    ----------
    films : names of films
    without_films : why there are none, "" where there are
    strips : names of pictures
    """

    films: tuple[str, ...]
    without_films: str
    strips: tuple[str, ...]


def write_explanation(
    out: Path,
    found: Explained,
    *,
    n_films: int = 1,
    film_s: float = 20.0,
    overwrite: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Write index.html, explain.json, films and strips into a new folder `out`; return the page's path.

    Parameters
    ----------
    n_films : sessions to film, the first ones
    film_s : seconds of each, from its first clip on

    Raises
    ------
    OutputError
        `out` holds something, and `overwrite` is False or it is no explanation.
    """
    from .page import explanation_page

    with new_folder(out, marker=FIGURES_NAME, overwrite=overwrite) as folder:
        written = _written_beside(folder, found, n_films=n_films, film_s=film_s, on_progress=on_progress)
        text = json.dumps(_plain(figures_of(found)), indent=1, allow_nan=False) + "\n"
        (folder / FIGURES_NAME).write_text(text, encoding="utf-8")
        explanation_page(found, written).write(folder / PAGE_NAME)
    return out / PAGE_NAME


def figures_of(found: Explained) -> dict[str, Any]:
    """Return every figure of the page by name, NaN where one is not known."""
    record = found.run.record
    page: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": record.model,
        "split": found.split,
        "split_name": found.split_name,
        "fold": found.fold,
        "simulated": found.simulated,
        "n_clips": len(found.clips),
        "reliability": {name: asdict(one) for name, one in found.reliability.items()},
        "subjects": {name: [asdict(one) for one in errors] for name, errors in found.subjects.items()},
        "groups": {
            attribute: {name: [asdict(one) for one in errors] for name, errors in by_dimension.items()}
            for attribute, by_dimension in found.groups.items()
        },
        "told_right": {by: [asdict(one) for one in errors] for by, errors in found.told_right.items()},
        "worst": [
            {"session": found.session_of(one.clip).id, "start": one.clip.start, "error": one.error}
            for one in found.worst
        ],
    }
    if (looking := found.looking) is None:
        return page
    page["looks_by"] = looking.how
    page["deletion"] = {
        kind: {
            order: {"area": asdict(area_of(looking.deletion, kind, order))}
            | ({} if order == "map" else {"map_better_by": asdict(better_by(looking.deletion, kind, order))})
            for order in ORDERS
        }
        for kind in ("deletion", "insertion")
    }
    page["pixels_that_tell"] = {
        dimension: {stream: asdict(on_telling(looking.sums, shares)) for stream, shares in by_stream.items()}
        for dimension, by_stream in looking.tells.items()
    }
    if looking.shares:
        n_frames = sum(one.n_frames for one in looking.shares)
        page["highest_times_even"] = sum(one.highest for one in looking.shares) / n_frames
        page["regions"] = {name: asdict(times_chance(looking.shares, (name,))) for name in REGIONS}
    return page


def shown_of(found: Explained, number: int, *, film_s: float) -> Shown:
    """Return the first `film_s` seconds of a session's clips, as the film wants them.

    Parameters
    ----------
    number : of the session in `found.source`; it has a clip
    """
    if found.looking is None:
        raise ModelError(f"wanted a network that sees pixels, {found.run.record.model} sees features")
    session, told = found.source.sessions[number], found.sessions[number]
    starts = [clip.start for clip in found.clips if clip.session == number]
    first = starts[0]
    stop = min(session.n_frames, first + max(2, round(film_s * session.fps)))
    clips = [clip for clip in found.clips if clip.session == number and clip.start < stop]
    device = next(found.run.network.parameters()).device
    maps = list(maps_of_clips(found.looking.maps, found.source, clips, device=device))
    attention = over_frames(session.n_frames, [clip.start for clip in clips], maps)
    frames = slice(first, stop)
    return Shown(
        color=session.read("color", first, stop),
        attention=attention[frames],
        time_s=told.time_s[frames],
        truth={name: series[frames] for name, series in told.truth.items()},
        predicted={name: series[frames] for name, series in told.predicted.items()},
    )


def _written_beside(
    folder: Path,
    found: Explained,
    *,
    n_films: int,
    film_s: float,
    on_progress: Callable[[str, int, int], None] | None,
) -> Written:
    """Write films and strips; a machine that cannot write films still gets all else, and is told why."""
    if found.looking is None:
        return Written((), "", ())
    films, strips, reason = [], [], ""
    numbers = sorted({clip.session for clip in found.clips})[:n_films]
    for done, number in enumerate(numbers, start=1):
        session = found.source.sessions[number]
        name = f"{found.looking.how}-{session.id}.mp4"
        try:
            write_film(folder / name, shown_of(found, number, film_s=film_s))
            films.append(name)
        except ModelError as error:
            reason = str(error)
            break
        if on_progress is not None:
            on_progress("filming", done, len(numbers))
    for place, one in enumerate(found.worst, start=1):
        session = found.session_of(one.clip)
        crops = session.read("color", one.clip.start, one.clip.start + found.source.options.n_frames)
        name = f"worst-{place}-{session.id}.png"
        write_strip(folder / name, crops, clip_map(found, one.clip))
        strips.append(name)
    return Written(tuple(films), reason, tuple(strips))


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: arrays as lists, None for what is not finite."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
