"""The parts into which a corpus is officially divided: kept beside the traces, and told as a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import tomlkit

from ...output import new_file

HELD_OUT = ("dev", "devel")
"""Labels of the test parts are not public, so scores are on these (MRAN paper, section V-B)."""


def write_partitions(folder: Path, name: str, partitions: Mapping[str, Sequence[str]]) -> Path:
    """Write `NAME.partitions.toml` into a folder of traces, in place of an older one; return its path.

    The file holds, per part, the subjects that are in it.
    """
    document = tomlkit.document()
    document.add(tomlkit.comment("the corpus's own division; subjects of this import"))
    for part, subjects in partitions.items():
        document.add(part, tomlkit.item(list(subjects)).multiline(True))
    path = folder / f"{name}.partitions.toml"
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def split_command(name: str, partitions: Mapping[str, Sequence[str]]) -> str:
    """Return the command that holds out the development part; "" where there is none."""
    held_out = [subject for part in HELD_OUT for subject in partitions.get(part, ())]
    if not held_out:
        return ""
    return f"mavfer dataset split DATASET --name {name} --test {','.join(held_out)}"
