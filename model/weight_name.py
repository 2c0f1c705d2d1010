"""How weights to start from are named on the command line and in `run.toml`: FILE, or LAYOUT=FILE."""

from pathlib import Path


def parted(name: str | Path) -> tuple[str, Path]:
    """Return the layout, "" where none is named, and the file or run; a file may have "=" in its own name."""
    layout, equals, file = str(name).partition("=")
    if equals and file and not Path(name).exists():
        return layout, Path(file)
    return "", Path(name)


def absolute(name: str | Path) -> str:
    """Return `name` with its file from the root of the disk."""
    layout, file = parted(name)
    return f"{layout}={file.resolve()}" if layout else str(file.resolve())
