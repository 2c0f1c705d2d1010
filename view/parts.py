"""What the pages of sessions and runs are made of: their own assets, and those of the dataset's page."""

from __future__ import annotations

from ..web.routes import read_parts

PACKAGE = __name__.rpartition(".")[0]
HOUSE = f"{__name__.split('.')[0]}.preprocess.view"


def page_parts() -> dict[str, bytes]:
    """Return the files that a page may load, by name."""
    return read_parts(HOUSE) | read_parts(PACKAGE)
