"""Every command that a page shows is one that the real command line takes, as it stands there."""

import re

import pytest

from .conftest import (
    OTHER_PROGRAMS,
    PAGES,
    ROOT,
    Block,
    WrongCommandError,
    blocks_of,
    command_named,
    commands_of,
    mavfer_words,
    parse,
)

SHELL = ("sh", "bash", "console", "shell", "powershell")
BLOCKS = [block for page in PAGES for block in blocks_of(page) if block.language in SHELL]
INLINE = re.compile(r"(?<!`)`((?:mavfer|build-dataset) [^`]+)`(?!`)")
PLACEHOLDER = re.compile(r"^[^a-z]|\.\.\.|[A-Z|…\[]")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_command_of_a_block_parses(block: Block) -> None:
    text = block.text
    if block.language == "powershell":
        text = text.replace("`\n", " ").replace("\\", "/")
    for words in commands_of(text):
        own = mavfer_words(words)
        if own is not None:
            parse(own)
        elif block.language != "powershell":
            require_known(words)


def require_known(words: list[str]) -> None:
    """Fail unless another program's command is in the list of others, or a thing of the repository."""
    program = words[0].rpartition("/")[2]
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word and word[0] != "-"} <= set(targets)
    elif program.startswith("python"):
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        assert "-m" in words or "-c" in words or (ROOT / script).is_file(), words
    elif words[0].startswith(("./", "tools/", ".ci/")):
        assert (ROOT / words[0]).is_file(), words
    else:
        assert program in OTHER_PROGRAMS, f"{program!r} is not listed in tests/docs/conftest.py: {words}"


def test_the_blocks_hold_commands_of_every_stage() -> None:
    seen = {own[0] for block in BLOCKS for words in commands_of(block.text) if (own := mavfer_words(words))}
    assert {"record", "calibrate", "study", "build-dataset", "train", "evaluate", "predict"} <= seen


@pytest.mark.parametrize("page", PAGES)
def test_commands_within_sentences_exist_and_have_the_options_that_are_named(page: str) -> None:
    text = re.sub(r"^[ >]*```.*?^[ >]*```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    for found in INLINE.findall(text):
        own = mavfer_words(found.split())
        assert own is not None
        if PLACEHOLDER.search(own[0]):
            continue
        own = _spelled(own)
        command, _ = command_named(own)
        known = {name for one in getattr(command, "params", []) for name in (*one.opts, *one.secondary_opts)}
        for word in own:
            option = re.match(r"--[a-z][a-z0-9-]*", word)
            assert option is None or option[0] in {*known, "--help"}, f"{page}: `{found}`"


def _spelled(words: list[str]) -> list[str]:
    """Return the words of a command in a sentence, in which a group may stand alone."""
    from mavfer.__main__ import spelled_out

    if len(words) > 1 and PLACEHOLDER.search(words[1]) and words[0] != "calibrate":
        return words[:1]
    return spelled_out(words)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("record sessions/S01 --rig rig.toml --subject S01 --minutes 3", "No such option"),
        ("record sessions/S01 --rig rig.toml --subject S01 --seconds ten", "ten"),
        ("record sessions/S01 sessions/S02 --rig rig.toml", "unexpected extra argument"),
        ("rig new", "Missing option"),
        ("rig new --out rig.toml --fps 1000", "1000"),
        ("train --out run", "Missing argument"),
        ("train dataset --out run --size tiny", "tiny"),
        ("calibrate board --bored 9x6x25mm --out c.toml", "No such option"),
        ("dataset viev dataset", "there is no command"),
        ("datasets view dataset", "there is no command"),
    ],
)
def test_what_the_command_line_refuses_is_found(typed: str, why: str) -> None:
    with pytest.raises(WrongCommandError, match=re.escape(why)):
        parse(typed.split())


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("mavfer record a  # a comment", [["mavfer", "record", "a"]]),
        ("a --b \\\n  c; d & e | f > g 2> h", [["a", "--b", "c"], ["d"], ["e"], ["f"]]),
        (
            "for s in S01 S02; do\n  mavfer record sessions/$s\ndone",
            [["mavfer", "record", "sessions/S01"], ["mavfer", "record", "sessions/S02"]],
        ),
        ("A=1 B=2 mavfer x '{session}_{rater}'", [["mavfer", "x", "{session}_{rater}"]]),
        ("m [--a b|c]", [["m"], ["m", "--a", "b"], ["m", "--a", "c"]]),
    ],
)
def test_lines_are_split_as_a_shell_splits_them(text: str, commands: list[list[str]]) -> None:
    assert list(commands_of(text)) == commands


def test_a_block_is_found_in_a_list_and_an_open_one_is_told() -> None:
    from .conftest import _blocks

    text = "# A\n\n1. so\n\n   ```sh\n   mavfer x\n     y\n   ```\n"
    assert [(one.heading, one.line, one.text) for one in _blocks("p", text)] == [("A", 5, "mavfer x\n  y")]
    with pytest.raises(AssertionError, match="never closed"):
        list(_blocks("p", "```sh\nmavfer x\n"))
