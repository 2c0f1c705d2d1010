"""The messages that docs/troubleshooting.md quotes stand in the source: no error is reworded behind its back.

A message is an item of a list that holds nothing but code. `…` in it stands for anything; the rest has to be
in one text of the program, in that order.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
STAGES = ("capture", "calibrate", "annotate", "preprocess", "model", "web", "view", "privacy")
MESSAGE = re.compile(r"- (`+)(.+)\1")
LEAST_LETTERS = 10


def quoted() -> list[str]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [found[2].strip() for line in lines if (found := MESSAGE.fullmatch(line.rstrip()))]


def texts_of_python(source: str) -> Iterator[str]:
    """Yield every text of a program, with `…` for what is put into it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
            yield "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{[\w:.]*\}", "…", node.value)


@functools.cache
def texts() -> str:
    """Return all texts of the program, one a line."""
    found: list[str] = []
    for path in ROOT.glob("*.py"):
        found += texts_of_python(path.read_text(encoding="utf-8"))
    for stage in STAGES:
        for path in (ROOT / stage).rglob("*.py"):
            found += texts_of_python(path.read_text(encoding="utf-8"))
        for path in (ROOT / stage).rglob("*.js"):
            found += path.read_text(encoding="utf-8").splitlines()
    return "\n".join(text.replace("\n", " ") for text in found)


def is_printed(message: str) -> bool:
    pieces = [re.escape(piece.strip()) for piece in message.split("…")]
    return re.search("[^\n]*?".join(piece for piece in pieces if piece), texts()) is not None


@pytest.mark.parametrize("message", quoted())
def test_quoted_message_is_one_that_the_program_prints(message: str) -> None:
    assert is_printed(message), f"reworded or gone; mend {PAGE.name}"


def test_every_quoted_line_is_read_as_a_message() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    assert len(lines) == len(quoted()) > 100


def test_no_message_is_quoted_twice() -> None:
    assert len(set(quoted())) == len(quoted())


def test_quoted_messages_say_enough_to_be_told_from_others() -> None:
    vague = [one for one in quoted() if sum(map(str.isalpha, one)) < LEAST_LETTERS]
    assert vague == []


def test_a_reworded_message_is_found_out() -> None:
    assert is_printed("wanted a session folder, found nothing: …")
    assert not is_printed("wanted a session folder, found no thing: …")
    assert not is_printed("found nothing: … wanted a session folder")
