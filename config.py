"""Strict TOML: a file becomes a frozen pydantic model, or one line that names the file and the key."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import ConfigError


class StrictModel(BaseModel):
    """A record read from TOML: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, model: type[Model]) -> Model:
    """Return the TOML file at `path` as a `model`.

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or has a key that is unknown, absent or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors put a mark before it
    except FileNotFoundError as error:
        raise ConfigError(f"wanted a TOML file, found nothing: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"wanted a TOML file, could not read it ({error}): {path}") from error
    try:
        return parse(tomllib.loads(text), model, where=str(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"wanted TOML, found a syntax error: {error}: {path}") from error
    except RecursionError as error:
        raise ConfigError(f"wanted TOML, found tables nested without end: {path}") from error


def parse(table: object, model: type[Model], *, where: str) -> Model:
    """Return `table` as a `model`; raise ConfigError naming every key that does not fit."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        complaints = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the table'}: {item['msg']} (found {item['input']!r:.60})"
            for item in error.errors()
        )
        raise ConfigError(f"{complaints}: {where}") from error
