"""A study's folder and `study.toml`: who rates what and how; owns the names of everything in the folder.

study.toml          what this module reads and writes
study.key           32 random bytes, mode 0600: what links and sessions are hashed with
study.sqlite        the database, unless another is named by its URL
videos/ID.mp4       the films that are shown, and beside each ID.json, its frame-to-time map
instructions.txt    optional: the lab's own words to its raters
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tomlkit
from pydantic import Field

from ...config import StrictModel, read_toml
from ...errors import StudyError
from ...output import new_file
from ..trace import DIMENSIONS, Dimension

SCHEMA_VERSION = 1
STUDY_NAME, KEY_NAME, DATABASE_NAME = "study.toml", "study.key", "study.sqlite"
VIDEOS_NAME, INSTRUCTIONS_NAME = "videos", "instructions.txt"
KEY_BYTES = 32
Mode = Literal["separate", "together"]
Order = Literal["by-dimension", "by-video"]


class StudyConfig(StrictModel):
    """What `study.toml` says; it shapes assignments and the rater's page.

    Attributes
    ----------
    id : random; the database carries it too, so that a database of another study is noticed
    mode : "separate": a slider, one dimension in a pass; "together": a pad, both at once
    order : with "separate", all videos of one dimension before the other, or both passes of a video in a row
    raters_per_session, teams : the paper has 6 raters in 2 teams, and 3 raters for each session
    seed : of each rater's order of videos, and of who rates what
    rewind_s : how far one press of "back" goes, seconds
    """

    schema_version: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    title: Annotated[str, Field(min_length=1, max_length=120)]
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1, max_length=2)] = DIMENSIONS
    mode: Mode = "separate"
    order: Order = "by-dimension"
    raters_per_session: Annotated[int, Field(ge=1, le=50)] = 3
    teams: Annotated[int, Field(ge=1, le=20)] = 2
    seed: Annotated[int, Field(ge=0)] = 0
    rewind_s: Annotated[float, Field(ge=1, le=60)] = 5.0


@dataclass(frozen=True, slots=True)
class Study:
    """A study on disk; made by `open_study` or `new_study`."""

    path: Path
    config: StudyConfig

    @property
    def videos(self) -> Path:
        """The folder of the prepared films."""
        return self.path / VIDEOS_NAME

    @property
    def database_url(self) -> str:
        """The URL of the study's own SQLite file."""
        from sqlalchemy import URL

        path = (self.path / DATABASE_NAME).resolve()
        return URL.create("sqlite", database=str(path)).render_as_string()  # a folder may be named "50%"

    def existing_database(self, named: str | None) -> str:
        """Return the URL of the database that holds the study: the one that is named, or its own file.

        Raises
        ------
        StudyError
            None is named, and the file is not there; an empty one in its place would show an empty study.
        """
        if named is None and not (self.path / DATABASE_NAME).is_file():
            raise StudyError(
                "wanted the study's database, found none; name it with --database or MAVFER_DATABASE if a "
                f"server has it, or bring the file back: {self.path / DATABASE_NAME}"
            )
        return named or self.database_url

    def key(self) -> bytes:
        """Return the study's key.

        Raises
        ------
        StudyError
            It is missing, damaged, or open to other users of the machine.
        """
        path = self.path / KEY_NAME
        try:
            found = path.read_bytes()
        except OSError as error:
            raise StudyError(
                f"wanted the study's key, could not read it ({error.strerror}); bring it back, or "
                f"run `mavfer study key`, which makes another and voids all links: {path}"
            ) from error
        if len(found) != KEY_BYTES:
            raise StudyError(f"wanted a key of {KEY_BYTES} bytes, found {len(found)}: {path}")
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise StudyError(
                f"wanted a key that nobody else can read, found mode {path.stat().st_mode & 0o777:o}; "
                f"run `chmod 600` on it: {path}"
            )
        return found


def open_study(path: Path) -> Study:
    """Return the study in a folder.

    Raises
    ------
    StudyError
        There is none.
    ConfigError
        `study.toml` has a key that does not fit.
    """
    if not (path / STUDY_NAME).is_file():
        found = "nothing" if not path.exists() else "a file" if path.is_file() else f"no {STUDY_NAME} in it"
        raise StudyError(
            f"wanted a study's folder, found {found}; make one with `mavfer study new`, or name the folder "
            f"that it was moved to: {path}"
        )
    return Study(path, read_toml(path / STUDY_NAME, StudyConfig))


def new_study(path: Path, config: StudyConfig) -> Study:
    """Write `study.toml` and a new key into the folder `path`, and return the study.

    Raises
    ------
    StudyError
        A study is there already.
    OutputError
        The folder cannot be written.
    """
    if (path / STUDY_NAME).exists():
        raise StudyError(f"a study is there already; open it with `mavfer annotate`, or name another: {path}")
    path.mkdir(parents=True, exist_ok=True)
    (path / VIDEOS_NAME).mkdir(exist_ok=True)
    write_key(path)
    write_config(path, config)
    return Study(path, config)


def write_config(path: Path, config: StudyConfig) -> None:
    """Write `study.toml`, replacing the one that is there."""
    document = tomlkit.document()
    document.add(tomlkit.comment("A study of mavfer: who rates what, and how. Written by `mavfer study`."))
    for name, value in config.model_dump(mode="json").items():
        document.add(name, value)
    with new_file(path / STUDY_NAME, overwrite=True) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def write_key(path: Path) -> None:
    """Write a new key into a study's folder, readable by its owner alone; never over an old one."""
    descriptor = os.open(path / KEY_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(KEY_BYTES))


def new_id() -> str:
    """Return 16 random hexadecimal digits: the name of a study, a video, an assignment or a take."""
    return secrets.token_hex(8)


def is_id(text: str) -> bool:
    """Return whether a text is such a name."""
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None
