"""Extras: whoever lacks one is told which, and what is told brings the package that was lacking."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest

import mavfer
from mavfer.extras import EXTRA_OF, ExtraMissing, missing_extra, require

ROOT = Path(mavfer.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
VENDORS = {"win32com", "pythoncom", "comtypes", "winreg", "msvcrt"}
"""Modules that come with Windows' Python or with a driver's package, imported where only those run."""


def distribution_name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;! ]", requirement)[0]).lower()


def brought_by(extra: str) -> set[str]:
    """Return the distributions that an extra names, with those of the extras that it includes."""
    found = set()
    for requirement in EXTRAS[extra]:
        if requirement.startswith("mavfer["):
            for other in requirement[len("mavfer[") : -1].split(","):
                found |= brought_by(other)
        else:
            found.add(distribution_name(requirement))
    return found


@cache
def bringers() -> dict[str, set[str]]:
    """Return what is installed here: each module at the top, and the distributions that have files of it."""
    found: dict[str, set[str]] = {}
    for one in distributions():
        tops = {
            line.partition(",")[0].partition("/")[0] for line in (one.read_text("RECORD") or "").split("\n")
        }
        for top in tops:
            found.setdefault(top.partition(".")[0], set()).add(distribution_name(one.name))
    return found


@cache
def required_by(distribution: str) -> tuple[str, ...]:
    try:
        lines = requires(distribution) or []
    except ImportError:
        return ()  # one of another system's
    return tuple(distribution_name(line) for line in lines if "extra ==" not in line)


def with_what_they_require(distributions: set[str]) -> set[str]:
    found, left = set(), list(distributions)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += required_by(name)
    return found


def imported() -> dict[str, set[str]]:
    """Return every module of others that a file of the package imports, with those files."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in ROOT.joinpath(*package.split(".")[1:]).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                for name in names:
                    found.setdefault(name.partition(".")[0], set()).add(str(path.relative_to(ROOT)))
    return {
        name: files
        for name, files in found.items()
        if name not in sys.stdlib_module_names and name != "mavfer"
    }


def test_every_package_that_is_imported_is_required_or_has_an_extra_to_name():
    base = with_what_they_require({distribution_name(line) for line in PROJECT["dependencies"]})
    unknown = {}
    for module, files in imported().items():
        required = bringers().get(module, set()) & base
        if not required and module not in EXTRA_OF and module not in VENDORS:
            unknown[module] = sorted(files)
    assert unknown == {}


@pytest.mark.parametrize("module", sorted(EXTRA_OF))
def test_the_extra_that_is_named_brings_the_package(module):
    assert module in bringers(), f"{module} is not installed here"
    assert bringers()[module] & with_what_they_require(brought_by(EXTRA_OF[module]))


def test_an_import_that_lacks_an_extra_becomes_the_line_that_names_it():
    absent = ModuleNotFoundError("No module named 'absent_of_tests'", name="absent_of_tests.part")
    EXTRA_OF["absent_of_tests"] = "report"
    try:
        told = missing_extra(absent)
    finally:
        del EXTRA_OF["absent_of_tests"]
    assert str(told) == "wanted the package 'absent_of_tests', found none; run `pip install 'mavfer[report]'`"


def test_an_import_that_fails_otherwise_is_no_missing_extra():
    assert missing_extra(ImportError("cannot import name 'x' from 'numpy'", name="numpy")) is None
    assert (
        missing_extra(ImportError("cannot import name 'x' from 'torch'", name="torch")) is None
    )  # it is there
    assert missing_extra(ImportError("nameless")) is None


def test_what_a_command_stands_on_is_asked_for_at_once():
    require("numpy", "zmq", extra="all")
    with pytest.raises(ExtraMissing, match=r"wanted the package 'absent_of_tests', .* 'mavfer\[all\]'"):
        require("numpy", "absent_of_tests", extra="all")


def test_every_extra_that_a_message_names_exists():
    named = re.compile(r"mavfer\[([a-z,]+)\]")
    for package in PACKAGES:
        for path in ROOT.joinpath(*package.split(".")[1:]).glob("*.py"):
            for extras in named.findall(path.read_text(encoding="utf-8")):
                assert set(extras.split(",")) <= EXTRAS.keys(), path


def test_every_extra_of_users_has_trials_of_its_own(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from _extra_trials import NOT_FOR_USERS, TRIALS

    assert set(TRIALS) == {"none", *EXTRAS} - set(NOT_FOR_USERS)
