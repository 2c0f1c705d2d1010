"""The house keeps its shape: what pyproject.toml lists is what stands on disk."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import mavfer

ROOT = Path(mavfer.__file__).parent
STAGES = ("web", "capture", "calibrate", "annotate", "preprocess", "model")
STAGES += ("doctor", "privacy", "view", "demo")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_on_disk_is_listed_and_every_listed_one_exists():
    on_disk = {"mavfer"}
    for stage in STAGES:
        for init in (ROOT / stage).rglob("__init__.py"):
            on_disk.add(".".join(["mavfer", *init.parent.relative_to(ROOT).parts]))
    assert set(pyproject()["tool"]["setuptools"]["packages"]) == on_disk


def test_no_stray_module_lies_in_the_root():
    # Every .py of the root ships in the wheel as mavfer.NAME; a scratch file there would ship too.
    wanted = {"__init__", "__main__", "commands", "command_line", "errors", "output", "config", "extras"}
    wanted |= {"facts", "progress", "report"}
    assert {path.stem for path in ROOT.glob("*.py")} <= wanted


def test_constraints_hold_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text().split():
        name, version = line.split("==")
        assert name.replace("-", "").replace("_", "").replace(".", "").isalnum(), line
        assert version[0].isdigit(), line


def test_every_dependency_is_pinned_by_the_constraints():
    project = pyproject()["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += [item for item in extra if not item.startswith("mavfer[")]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().split()}
    names = {re.split(r"[\[<>=]", item)[0].strip().lower() for item in wanted}
    assert names <= pinned


def test_no_dumping_ground_by_name():
    names = {path.stem for stage in STAGES for path in (ROOT / stage).rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_the_architecture_page_lists_every_module_with_its_own_words():
    checked = subprocess.run(
        [sys.executable, ROOT / "tools" / "list_modules.py", "--check"], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
