"""Every command with arguments that are missing, wrong or hostile: one line or the usage, never a traceback.

The commands run in this process. What is required is filled with paths that lead nowhere, so that nothing is
started: neither a take nor a server, a training or a demo.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mavfer.command_line import loaded
from mavfer.commands import COMMANDS

NOWHERE = "nowhere/at-all"
MARKERS = (
    *("session.json", "session.toml", "dataset.toml", "run.toml", "study.toml", "study.db", "rig.toml"),
    *("evaluation.json", "model.pt", "groups.toml", "fusion.toml", "calibration.toml", "protocol.toml"),
    *("frames.csv", "color.mcap", "S01.anna.valence.csv", "S01.anna.valence.json", "subjects.csv"),
    *("calib_color.yaml", "calib_pose.yaml", "rig.yml", "factory_calibration.json", "study.key"),
)
"""Names by which folders are known; a folder holds junk under all of them."""
NUMBERS = ("nan", "inf", "-1", "1e308", "99999999999999999999", "many")
WORDS = ("", "\n", "☃" * 50, "=", ",,,", "[red]../..")
STARTS = {
    **{"demo": (), "simulate-a65": (), "gentl build": (), "doctor": ("--rig",)},
    **{"gentl list": ("--cti",), "mark": ("--session",), "next-step": ("--session",), "stop": ("--session",)},
}
"""Commands that want nothing, and would begin: only these of their options are tried, each by itself."""
PASSED_OVER = {"--devices"}
"""It starts so many processes before anything is read."""


def hostile_paths(folder: Path) -> list[str]:
    """Return paths that are no input of any command; some of them are made in `folder`."""
    draw = random.Random(1)
    (folder / "empty").write_bytes(b"")
    for suffix in ("toml", "json", "mp4", "csv", "pt", "cti", "yml"):
        (folder / f"junk.{suffix}").write_bytes(draw.randbytes(3000))
    for name, content in (("junk", draw.randbytes(500)), ("blank", b""), ("odd", b"a = 1\n")):
        (folder / name).mkdir()
        for marker in MARKERS:
            (folder / name / marker).write_bytes(content)
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "line\nbreak").write_bytes(b"\n")
    return [
        *("", NOWHERE, "empty", "folder", "loop", "line\nbreak", "no\nwhere", "empty/below", "x" * 300),
        *("junk.toml", "junk.json", "junk.mp4", "junk.csv", "junk.pt", "junk", "blank", "odd"),
        *("Größe ☃/ß", "\udcff\udcfe", "-", "--", "~", "/dev/null", "\x1b[31m", "%s{}$HOME"),
    ]


def kind_of(option: Any) -> str:
    """Return "flag", "number", "path" or "word": what an option is given."""
    if option.is_flag if hasattr(option, "is_flag") else False:
        return "flag"
    annotation = str(option.type_descriptor.annotation)
    if "Path" in annotation:
        return "path"
    if "int" in annotation or "float" in annotation:
        return "number"
    return "word"


def spelled(option: Any, value: str) -> list[str]:
    """Return the words that give an option a value."""
    if option.param_type_name == "argument":
        return [value]
    return [f"{max(option.opts, key=len)}={value}"]


def lines(words: str, paths: list[str]) -> Iterator[list[str]]:
    """Yield what is typed after a command: each option with each hostile value, the others as they need."""
    options = [one for one in loaded(words).params if one.name != "help"]
    if words in STARTS:
        options = [one for one in options if max(one.opts, key=len) in STARTS[words]]
    wanted = [one for one in options if one.required]
    yield ["--no-such-option"]
    if words not in STARTS and wanted:
        yield []
    for option in options:
        kind = kind_of(option)
        if kind == "flag" or max(option.opts, key=len) in PASSED_OVER:
            continue
        for value in {"path": paths, "number": NUMBERS, "word": WORDS}[kind]:
            typed = [] if option.param_type_name == "argument" else spelled(option, value)
            after = []
            for one in wanted:
                given = value if one is option else filler(one)
                if one is option and one.param_type_name != "argument":
                    continue
                (after if one.param_type_name == "argument" else typed).extend(spelled(one, given))
            if option.param_type_name == "argument" and option not in wanted:
                after.append(value)
            yield [*typed, "--", *after] if after else typed


def filler(option: Any) -> str:
    choices = option.type_descriptor.choices
    if choices:
        return str(getattr(choices[0], "value", choices[0]))
    return {"path": NOWHERE, "number": "1", "word": "x"}[kind_of(option)]


@pytest.mark.parametrize("words", COMMANDS)
def test_no_command_answers_nonsense_with_a_traceback(words: str, typed: Callable, tmp_path: Path) -> None:
    paths = hostile_paths(tmp_path)
    wrong = []
    for line in lines(words, paths):
        try:
            status, out, err = typed(*words.split(), *line)
        except Exception as error:  # a defect: all of them are told at once
            wrong.append(f"{line}: {type(error).__name__}: {error}"[:300])
            continue
        complaints = [one for one in err.splitlines() if one.startswith("error: ")]
        fine = (
            status == 0
            or (status == 1 and (complaints or out or err))
            or (status == 2 and (len(complaints) == 1 or "Usage: mavfer" in err))
        )
        colored = "\x1b" in out + err and "\x1b" not in "".join(line)
        if not fine or "Traceback" in err or colored:
            wrong.append(f"{line}: {status}: {err[-300:]!r}")
    assert not wrong, f"mavfer {words}:\n" + "\n".join(wrong)
