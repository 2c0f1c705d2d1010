"""Commands typed in this process, in an empty folder that is nobody's."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mavfer.__main__ import run


class Said(NamedTuple):
    """What a command answered."""

    status: int
    out: str
    err: str


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Return a function that runs a command as it is typed on a terminal of 80 characters that is none."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in ("NO_COLOR", "FORCE_COLOR", "MAVFER_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def type_in(*words: object) -> Said:
        before = dict(os.environ)
        status = run([str(word) for word in words])
        os.environ.clear()
        os.environ.update(before)
        out, err = capsys.readouterr()
        return Said(status, out, err)

    return type_in
