"""Facts as one JSON object on stdout: the option `--json`, as every command that prints facts has it."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def print_json(facts: Mapping[str, Any]) -> None:
    """Print a mapping as one line of JSON: what is not a number is null, a path is its text."""
    typer.echo(json.dumps(plain(facts), allow_nan=False))


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: dataclasses and mappings as objects, arrays and tuples as lists."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(name)): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(one) for one in value)
    if (listed := getattr(value, "tolist", None)) is not None:  # numpy's numbers and arrays
        return plain(listed())
    raise TypeError(f"no JSON is known for {type(value).__name__}")
