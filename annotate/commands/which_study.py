"""Which study a command is about: its folder, its database; the same words and options for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..store.store import Store
    from ..study.study import Study

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder.", show_default=False)]
Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="MAVFER_DATABASE",
        show_envvar=True,
        help="postgresql://USER:PASSWORD@HOST/NAME; a SQLite file in the study's folder if not given.",
    ),
]


def opened_with_store(path: Path, database: str | None) -> tuple[Study, Store]:
    """Return the study in a folder and its store, which is to be closed.

    Raises
    ------
    StudyError
        There is no study, or its database is not there, or another's.
    """
    from ..store.store import Store
    from ..study.study import open_study

    opened = open_study(path)
    return opened, Store(opened.existing_database(database), study_id=opened.config.id, key=opened.key())
