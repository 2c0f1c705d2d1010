"""`--json`: which commands have it, why the others have none, and that stdout holds the object alone."""

import json
from collections.abc import Callable

import pytest

from mavfer.command_line import loaded
from mavfer.commands import COMMANDS

from .test_hostile import NOWHERE, STARTS, filler, spelled

SERVES = "serves until Ctrl-C, and prints where"
SPEAKS = "speaks to a program line by line"
WRITES = "writes a file, and prints where"
ACTS = "does one thing to a take, and prints that it is done"
CHANGES = "changes a study; `study status --json` tells what it is then"
WITHOUT = {
    **dict.fromkeys(("annotate", "operate", "recorder", "view", "dataset view"), SERVES),
    **dict.fromkeys(("simulate-a65",), SPEAKS),
    **dict.fromkeys(("rig new", "keys new", "protocol new", "gentl build", "board print"), WRITES),
    **dict.fromkeys(("sheet", "dataset report", "model-card", "demo"), WRITES),
    **dict.fromkeys(("next-step", "stop"), ACTS),
    **dict.fromkeys(("study new", "study add", "study leave", "study again", "study key"), CHANGES),
    "study invite": "prints links, as CSV",
    "calibrate live": "guides who holds the board; `calibrate show --json` tells what was solved",
}
"""Commands that print no facts -> what they do in place of it."""
HAVE_IT = tuple(words for words in COMMANDS if words not in WITHOUT)
WANT_SOMETHING = tuple(
    words for words in HAVE_IT if words not in STARTS and any(one.required for one in loaded(words).params)
)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_prints_facts_as_json_or_prints_none(words: str) -> None:
    has_it = any("--json" in option.opts for option in loaded(words).params)
    assert has_it == (words not in WITHOUT), WITHOUT.get(words, "add --json, or say here why not")


@pytest.mark.parametrize("words", WANT_SOMETHING)
def test_where_nothing_is_found_out_stdout_is_empty_or_an_object(words: str, typed: Callable) -> None:
    options, arguments = [], []
    for one in loaded(words).params:
        if one.required:
            (arguments if one.param_type_name == "argument" else options).extend(spelled(one, filler(one)))
    said = typed(*words.split(), *options, "--json", "--", *arguments)
    assert said.status in (1, 2), f"{NOWHERE}: {said}"
    assert said.err or said.out
    if said.out:
        assert isinstance(json.loads(said.out), dict)
