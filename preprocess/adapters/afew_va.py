"""AFEW-VA (Kossaifi et al., 2017): per clip a folder of pictures and a JSON file with ratings per picture.

The 68 landmarks in the JSON are not taken over: a dataset's own are found by one policy for all its films.
docs/corpora.md says where the layout is known from.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...annotate.trace import DIMENSIONS
from ...errors import SessionError, TraceError
from .recording import (
    GOLD,
    Layout,
    Recording,
    Traces,
    files_below,
    pseudonym_of,
    require_folder,
    trace_of,
)

CORPUS = "afew-va"
FPS = 25.0
"""The corpus states no frame rate; 25 is what most films on disc are shown at."""
SCALE = 10.0
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


def find_afew_va(folder: Path, *, fps: float = FPS) -> Layout:
    """Return the clips of AFEW-VA that lie in a folder.

    Parameters
    ----------
    fps : pictures per second; the time of picture 00012 is 12 / fps, counted from the clip's first picture

    Raises
    ------
    SessionError
        It is no folder, or has no clip.
    """
    require_folder(folder)
    clips = [path for path in files_below(folder, ".json") if path.stem == path.parent.name]
    if not clips:
        raise SessionError(f"wanted folders like 001 with 001.json and 00000.png, found none: {folder}")
    recordings: dict[str, Recording] = {}
    for path in clips:
        recording = _recording(path, fps)
        if recording.session in recordings:
            raise SessionError(f"wanted one clip {path.stem!r}, found another; remove one: {path}")
        recordings[recording.session] = recording
    said = (
        f"{fps:g} pictures a second (--fps)",
        "clips of one actor are of one subject",
        f"the ratings, one per picture, as those of one rater, {GOLD!r}",
    )
    return Layout("AFEW-VA", said, tuple(recordings.values()))


def _recording(path: Path, fps: float) -> Recording:
    """Return a clip; what is wrong with it is its problem, not the other clips'."""
    session = f"{CORPUS}-{path.stem}"
    numbered: dict[int, Path] = {}
    others = []
    for file in sorted(path.parent.iterdir()):
        if file.suffix.lower() in PICTURES and not file.name.startswith("."):
            if re.fullmatch(r"\d{1,9}", file.stem) and int(file.stem) not in numbered:
                numbered[int(file.stem)] = file
            else:
                others.append(file.name)
    first = min(numbered, default=0)
    pictures = tuple(((number - first) / fps, file) for number, file in sorted(numbered.items()))
    problem = ""
    if others:
        problem = f"wanted pictures named 00000.png and on, found {others[0]!r}: {path.parent}"
    elif not pictures:
        problem = f"wanted pictures named 00000.png and on, found none: {path.parent}"
    subject = session
    try:
        actor = _content(path).get("actor")
        if isinstance(actor, str) and actor.strip():
            subject = pseudonym_of(actor, prefix=f"{CORPUS}-")
    except TraceError as error:
        problem = problem or str(error)
    read = partial(_read_ratings, path, session=session, fps=fps, first=first)
    return Recording(session, subject, path.parent, read, pictures=pictures, problem=problem)


def _read_ratings(path: Path, *, session: str, fps: float, first: int) -> Traces:
    """Return the traces of one clip; a picture without a rating is NaN."""
    frames: dict[str, Any] = _content(path)["frames"]
    numbers = {}
    for key, frame in frames.items():
        if not re.fullmatch(r"\d{1,9}", key) or not isinstance(frame, dict):
            raise TraceError(f'wanted frames like "00000": {{"valence": 3, ...}}, found {key!r:.40}: {path}')
        numbers[int(key)] = frame
    order = sorted(numbers)
    time_s = (np.array(order, np.float64) - first) / fps
    traces = []
    for dimension in DIMENSIONS:
        value = np.full(len(order), np.nan)
        for i, number in enumerate(order):
            rating = numbers[number].get(dimension)
            if isinstance(rating, bool) or not isinstance(rating, int | float | None):
                raise TraceError(
                    f"wanted a number for {dimension} of frame {number}, found {rating!r:.40}: {path}"
                )
            try:
                value[i] = np.nan if rating is None else rating
            except OverflowError:  # more digits than a float has room for
                value[i] = np.inf
        traces.append(
            trace_of(time_s, value, session=session, rater=GOLD, dimension=dimension, scale=SCALE, path=path)
        )
    return tuple(traces)


def _content(path: Path) -> dict[str, Any]:
    """Return a clip's JSON, checked to have frames."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TraceError(f"wanted a clip's JSON, could not read it ({error!s:.80}): {path}") from error
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, dict) or not frames:
        raise TraceError(f"wanted a clip's JSON with frames, found none of them: {path}")
    return content
