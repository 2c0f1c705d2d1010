"""Options that are given as NAME=VALUE, as often as wanted: `--set` and `--features`."""

import tomllib
from collections.abc import Sequence
from typing import Any

from ...config import COMMAND_LINE
from ...errors import UsageError


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """Return {name: value} of the words of `--set`; a value reads as in TOML, and else as plain text.

    Raises
    ------
    UsageError
        A word has no "=", or a name stands twice.
    """
    return {name: _value(text) for name, text in pairs_of(words, option="--set").items()}


def pairs_of(words: Sequence[str], *, option: str) -> dict[str, str]:
    """Return {name: text} of the "NAME=VALUE" words of `option`; raises as `settings_of`."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip()
        if not (equals and name):
            raise UsageError(f"wanted {option} NAME=VALUE, found {word!r}: {COMMAND_LINE}")
        if name in found:
            raise UsageError(f"wanted each {option} once, found {name!r} twice: {COMMAND_LINE}")
        found[name] = text.strip()
    return found


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text
