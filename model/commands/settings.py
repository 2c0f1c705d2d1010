"""Options of a network on the command line: `--set NAME=VALUE`, as often as wanted."""

import tomllib
from collections.abc import Sequence
from typing import Any

from ...errors import UsageError


def settings_of(words: Sequence[str]) -> dict[str, Any]:
    """Return {name: value} of "NAME=VALUE" words; a value reads as in TOML, and else as plain text.

    Raises
    ------
    UsageError
        A word has no "=", or a name stands twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip()
        if not (equals and name):
            raise UsageError(f"wanted --set NAME=VALUE, found {word!r}")
        if name in found:
            raise UsageError(f"wanted each --set once, found {name!r} twice")
        found[name] = _value(text.strip())
    return found


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text
