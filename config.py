"""Strict TOML: a file becomes a frozen pydantic model, or one line that names the file and the key."""

import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from .errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

COMMAND_LINE = "the command line"
THIS_TAKE = "this take"
"""Where values come from that whoever runs a command, or asks for a take, gave: a misfit is misuse."""
WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a table",
    "enum": "{expected}",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list in [ ]",
    "literal_error": "{expected}",
    "model_type": "a table",
    "path_type": "a path in quotes",
    "set_type": "a list in [ ]",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_long": "text of at most {max_length} characters",
    "string_too_short": "text of {min_length} or more characters",
    "string_type": "text in quotes",
    "string_unicode": "text in UTF-8",
    "too_long": "at most {max_length} entries",
    "too_short": "{min_length} or more entries",
    "tuple_type": "a list in [ ]",
}
"""pydantic's name of a misfit -> what was wanted, in the words of a TOML file."""


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
    """Return `table` as a `model`.

    Raises
    ------
    ConfigError
        Keys do not fit, every one of them named; a UsageError where they are from the command line.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        kind = UsageError if where in (COMMAND_LINE, THIS_TAKE) else ConfigError
        raise kind(f"{complaints(error, model)}: {where}") from error


def complaints(error: ValidationError, model: type[BaseModel]) -> str:
    """Return in one line what every key wants that does not fit `model`, and what was found there."""
    items: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for item in error.errors():
        items.setdefault(_keys_of(model, item["loc"]), []).append(item)
    return "; ".join(_complaint(keys, found, model) for keys, found in items.items())


def _keys_of(kind: Any, place: Sequence[int | str]) -> tuple[int | str, ...]:
    """Return a place in a table as a person wrote it: without pydantic's names for the choices of a type."""
    if not place:
        return ()
    choices = _choices(_bare(kind))
    if choices:
        chosen = next((one for one in choices if getattr(one, "__name__", "") == place[0]), None)
        return _keys_of(chosen, place[1:])
    return (place[0], *_keys_of(_inside(kind, place[0]), place[1:]))


def _complaint(keys: tuple[int | str, ...], items: "list[ErrorDetails]", model: type[BaseModel]) -> str:
    """Return what one key wants and what was found there, in words that need no look at the model.

    A key that takes this or that has an item for each; those of the type that was found say enough.
    """
    fitting = [one for one in items if not one["type"].endswith(("_type", "_parsing"))]
    item, *others = fitting or items
    kind = item["type"]
    words = [str(key) if str(key).isprintable() else repr(key) for key in keys]
    place = ".".join(words)
    if kind == "missing":
        return f"{place} is missing"
    if kind == "extra_forbidden":
        return f"{place}: {_no_such_key(words[-1], _table_at(model, keys[:-1]))}"
    wanted = " or ".join(dict.fromkeys([_wanted(item, model), *(_wanted(one, model) for one in others)]))
    wanted = wanted.replace(" or wanted ", " or ")
    if keys and keys[-1] == "[key]":  # of a table whose keys are names
        return f"{'.'.join(words[:-2])}: {wanted} for a name, found {item['input']!r:.60}"
    return f"{place}: {wanted}{_found(item, wanted)}" if place else f"{wanted}{_found(item, wanted)}"


def _wanted(item: "ErrorDetails", model: type[BaseModel]) -> str:
    """Return what would have fitted."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch" and (examples := _examples(model, item["loc"])):
        return f"wanted text like {' or '.join(map(str, examples))}"
    if kind not in WANTED:
        return item["msg"].replace("Input should be", "wanted")
    bounds = {key: f"{bound:.12g}" if isinstance(bound, float) else bound for key, bound in context.items()}
    return f"wanted {WANTED[kind].format(**bounds)}"


def _found(item: "ErrorDetails", wanted: str) -> str:
    """Return what was found, unless `wanted` tells it."""
    kind, found = item["type"], item["input"]
    if kind == "value_error" and ("found" in wanted or isinstance(found, dict | BaseModel)):
        return ""
    if kind in ("too_short", "too_long"):
        return f", found {item.get('ctx', {}).get('actual_length')}"
    return ", found a table" if isinstance(found, dict) else f", found {found!r:.60}"


def _no_such_key(name: str, table: type[BaseModel] | None) -> str:
    """Return that a key is unknown, and which is meant or what keys there are."""
    known = [field.alias or key for key, field in table.model_fields.items()] if table is not None else []
    near = get_close_matches(name, known, n=1)
    if near:
        return f"no such key; is {near[0]!r} meant?"
    return f"no such key; known here: {', '.join(known)}" if known else "no such key"


def _examples(model: type[BaseModel], place: Sequence[int | str]) -> Sequence[Any]:
    """Return the examples that a type gives for what stands at `place`: `Field(examples=[...])`."""
    of_name = place[-1:] == ("[key]",)
    kind: Any = model
    for key in place[:-2] if of_name else place:
        kind = _inside(kind, key)
    if of_name:
        kind = next(iter(get_args(_bare(kind))), None)
    return next((one.examples for one in _told(kind) if one.examples), ())


def _told(kind: Any) -> Iterator[FieldInfo]:
    """Yield what a model says of a type, the outermost first."""
    if isinstance(kind, FieldInfo):
        yield kind
        yield from _told(kind.annotation)
    elif get_origin(kind) is Annotated:
        inner, *metadata = get_args(kind)
        yield from (one for one in metadata if isinstance(one, FieldInfo))
        yield from _told(inner)
    for choice in _choices(kind):
        yield from _told(choice)


def _bare(kind: Any) -> Any:
    """Return a type without what is said of it, and without a None beside it."""
    if isinstance(kind, FieldInfo):
        return _bare(kind.annotation)
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    choices = _choices(kind)
    return _bare(choices[0]) if len(choices) == 1 else kind


def _choices(kind: Any) -> tuple[Any, ...]:
    """Return the types among which a union chooses, None left out; nothing for any other type."""
    union = get_origin(kind) in (Union, UnionType)
    return tuple(one for one in get_args(kind) if one is not NoneType) if union else ()


def _inside(kind: Any, key: int | str) -> Any:
    """Return the type of what stands under a key in a type; None where no type tells."""
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        return next((field for name, field in fields.items() if key in (name, field.alias)), None)
    inner = get_args(kind)
    if get_origin(kind) is dict:
        return inner[1]
    return inner[0] if inner and get_origin(kind) in (list, tuple, set, frozenset) else None


def _table_at(kind: Any, keys: Sequence[int | str]) -> type[BaseModel] | None:
    """Return the model of the table that stands at `keys` in a type; None where no type tells."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(keys[0])) if keys else None
        return _table_at(field.annotation, keys[1:]) if field is not None else None if keys else kind
    inner = keys[1:] if get_origin(kind) in (dict, list, tuple) else keys
    return next((found for one in get_args(kind) if (found := _table_at(one, inner))), None)
