"""What commands say of themselves: one voice, an example each, and nothing imported for a list of them."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from inspect import cleandoc

import pytest

from mavfer.command_line import loaded
from mavfer.commands import COMMANDS, DEFAULTS, GROUPS, STAGES, SUMMARIES

NO_VERBS = {"The", "A", "An", "This", "It", "What", "How", "Which", "Where", "When"}
ONE_WORD_FOR_IT = {
    "--output": "--out",
    "--output-dir": "--out",
    "--force": "--overwrite",
    "--duration": "--seconds",
    "--length-s": "--seconds",
    "--workers": "--jobs",
    "--processes": "--jobs",
    "--n-jobs": "--jobs",
    "--cpu": "--device",
    "--gpu": "--device",
    "--cuda": "--device",
    "--budget": "--max-minutes",
    "--split-name": "--split",
    "--batch-size": "--batch",
    "--learning-rate": "--lr",
    "--as-json": "--json",
    "--monitor-port": "--port",
    "--monitor-host": "--host",
    "--open": "--browser",
    "--type": "--format",
}
"""What a thing is not called -> what it is called."""
ONE_KIND = ("--out", "--overwrite", "--json", "--device", "--threads", "--jobs", "--seed", "--port", "--host")


def docstring(words: str) -> str:
    module, name = COMMANDS[words]
    return cleandoc(getattr(import_module(f"mavfer.{module}"), name).__doc__)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_explains_itself_with_an_example(words: str, typed: Callable) -> None:
    status, out, err = typed(*words.split(), "--help")
    assert (status, err) == (0, "")
    said = " ".join(out.replace("│", " ").split())
    first = SUMMARIES[words].split(".")[0]
    assert f"Usage: mavfer {words}" in said
    assert first.split()[0] not in NO_VERBS
    assert first.split()[0].istitle()
    assert first in said
    assert all(len(line) <= 80 for line in out.splitlines())
    shown = re.sub(r" \\\s*\n\s+", " ", out)
    examples = [line[9:] for line in docstring(words).splitlines() if line.startswith("Example: ")]
    assert examples
    for example in examples:
        assert any(re.sub(r"\s+", " ", line.strip()) == example for line in shown.splitlines()), example


def test_the_table_says_what_the_docstrings_say() -> None:
    said = {words: " ".join(docstring(words).split("\n\n")[0].split()) for words in COMMANDS}
    assert said == SUMMARIES


def test_an_example_is_a_command_with_options_that_there_are() -> None:
    for words in COMMANDS:
        for line in docstring(words).splitlines():
            if not line.startswith("Example: "):
                continue
            _, *typed = line.removeprefix("Example: ").split()
            own = words.split()
            if typed[0] in DEFAULTS and typed[: len(own)] != own:
                typed.insert(1, DEFAULTS[typed[0]])
            assert typed[: len(own)] == own, line
            known = {
                name for option in loaded(words).params for name in (*option.opts, *option.secondary_opts)
            }
            given = {word.partition("=")[0] for word in typed if word.startswith("--")}
            assert given <= known, line


def test_a_thing_has_one_name_in_all_commands() -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for words in COMMANDS:
        for option in loaded(words).params:
            for name in (*option.opts, *option.secondary_opts):
                assert name not in ONE_WORD_FOR_IT, f"{words}: {name} is called {ONE_WORD_FOR_IT.get(name)}"
                if name in ONE_KIND:
                    kind = str(option.type_descriptor.annotation)
                    kinds[name].add(re.sub(r"<class '|'>|list\[|\]| \| None|typing\.Optional\[", "", kind))
            assert option.param_type_name == "argument" or option.help, f"{words}: {option.name} has no help"
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


def test_a_number_with_a_unit_says_it_in_its_name_or_its_metavar() -> None:
    unit = re.compile(r"\b(nano|milli|micro)?seconds?\b|\bminutes?\b|\bpixels\b", re.I)
    said = re.compile(r"-(s|ms|ns|px|mb|seconds|minutes|fps)$")
    silent = []
    for words in COMMANDS:
        for option in loaded(words).params:
            name = max(option.opts, key=len)
            kind = str(option.type_descriptor.annotation)
            of_unit = ("int" in kind or "float" in kind) and unit.search(option.help or "")
            if of_unit and not said.search(name) and not unit.search(option.metavar or ""):
                silent.append(f"{words} {name}")
    assert silent == []


def test_every_command_has_its_place_in_the_list_and_every_place_a_command() -> None:
    first = {words.split()[0] for words in COMMANDS}
    placed = [name for names in STAGES.values() for name in names]
    assert sorted(placed) == sorted(first)
    assert set(GROUPS) == {words.split()[0] for words in COMMANDS if " " in words}
    assert all(f"{group} {name}" in COMMANDS for group, name in DEFAULTS.items())


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_a_list_of_commands_names_them_all_and_what_they_are_for(group: str, typed: Callable) -> None:
    status, out, err = typed(*group.split(), "--help")
    assert (status, err) == (0, "")
    said = " ".join(out.replace("│", " ").split())
    for words in COMMANDS:
        if words.startswith(f"{group} ") if group else " " not in words:
            assert f"{words.split()[-1]} {SUMMARIES[words]}" in said
    if not group:
        assert all(stage in said for stage in STAGES)
        assert "Exit status: 0 done, 1 failed" in said


@pytest.mark.parametrize(
    ("typed_words", "not_imported"),
    [
        ("--version", ("typer", "numpy", "mavfer.command_line")),
        ("--help", ("numpy", "mavfer.capture", "mavfer.model", "mavfer.preprocess", "mavfer.annotate")),
        ("dataset --help", ("numpy", "mavfer.preprocess")),
    ],
)
def test_a_list_of_commands_imports_none(typed_words: str, not_imported: tuple[str, ...]) -> None:
    code = "import sys; from mavfer.__main__ import main; sys.argv[0] = 'mavfer'\n"
    code += "try: main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, *typed_words.split()], capture_output=True, text=True, check=True
    )
    assert set(not_imported) & set(ran.stderr.split()) == set()
