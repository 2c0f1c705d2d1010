"""The wheel holds the package and nothing else, is small, and comes out of the source archive alike."""

import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import mavfer

ROOT = Path(mavfer.__file__).parent
STAGES = {
    package.split(".")[1]
    for package in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    if "." in package
}
BESIDE_PYTHON = {"py.typed", "report.css"}
"""Files of the root that are part of the package, beside its modules."""


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_every_file_of_the_package_and_no_other(release):
    wanted = set()
    for name in release.sources:
        top, _, rest = name.partition("/")
        if (rest and top in STAGES) or (not rest and (top.endswith(".py") or top in BESIDE_PYTHON)):
            wanted.add(f"mavfer/{name}")
    assert {name for name in contents(release.wheel) if ".dist-info/" not in name} == wanted


def test_the_wheel_is_under_five_megabytes(release):
    assert release.wheel.stat().st_size < 5e6


def test_the_wheel_is_for_every_system(release):
    assert release.wheel.name == f"mavfer-{mavfer.__version__}-py3-none-any.whl"


def test_the_source_archive_makes_the_wheel_that_the_repository_makes(release):
    from_archive, direct = contents(release.wheel), contents(release.direct)
    assert from_archive.keys() == direct.keys()
    assert {name for name in direct if from_archive[name] != direct[name]} == set()


def test_the_source_archive_says_how_it_is_cited_and_what_changed_and_leaves_the_tests_out(release):
    with tarfile.open(release.archive) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CHANGELOG.md", "CITATION.cff", "constraints.txt", "pyproject.toml"} <= names
    assert not {name.partition("/")[0] for name in names} & {"tests", "docs", "tools", "benchmarks"}


def test_the_metadata_says_who_it_is_for_and_under_which_licence(release):
    inside = contents(release.wheel)
    metadata = Parser().parsestr(next(v for k, v in inside.items() if k.endswith("/METADATA")).decode())
    assert metadata["Version"] == mavfer.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert all(metadata[name] for name in ("Summary", "Author", "Keywords"))
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    licences = {name.partition("/licenses/")[2] for name in inside if "/licenses/" in name}
    assert licences == {"LICENSE", "annotate/server/assets/uplot.LICENSE"}


def test_both_commands_stand_in_the_wheel(release):
    points = next(v for k, v in contents(release.wheel).items() if k.endswith("/entry_points.txt")).decode()
    assert "mavfer = mavfer.__main__:main" in points
    assert "build-dataset = mavfer.__main__:build_dataset" in points
