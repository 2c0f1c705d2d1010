"""The citation, the container, and what runs before a commit name only what is there."""

import re
import tomllib
from pathlib import Path

import yaml

import mavfer

ROOT = Path(mavfer.__file__).parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
DOIS = {
    "10.1109/TIP.2020.2996086",
    "10.1109/TIP.2019.2956143",
    "10.1109/TAFFC.2020.2988264",
    "10.1145/3423327.3423672",
}
"""The papers whose methods are here."""


def test_the_citation_has_what_the_format_requires():
    # Citation File Format 1.2.0: the required keys, and those of each reference.
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["license"] == "Apache-2.0"
    for work in (citation, *citation["references"]):
        assert work["title"]
        assert work["authors"]
        for author in work["authors"]:
            assert author.keys() in ({"name"}, {"family-names", "given-names"})
    assert all(work["type"] in {"article", "conference-paper"} for work in citation["references"])
    assert all(work["conference"]["name"] for work in citation["references"] if work["type"] != "article")


def test_the_citation_names_the_papers():
    references = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    assert {work["doi"] for work in references} == DOIS


def test_the_container_installs_extras_that_exist():
    dockerfile = (ROOT / "Dockerfile").read_text()
    named = re.findall(r"EXTRAS=([a-z,]+)", dockerfile)
    assert named
    assert all(set(extras.split(",")) <= EXTRAS.keys() for extras in named)


def test_the_container_gives_its_commands_no_rights():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert lines.index("USER mavfer") < lines.index('ENTRYPOINT ["mavfer"]')
    assert "VOLUME /sessions" in lines


def test_the_container_is_given_every_package_and_nothing_that_is_not_there():
    given = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {package.split(".")[1] for package in packages if "." in package} <= set(given)
    assert all(any(ROOT.glob(pattern)) for pattern in given)


def test_what_runs_before_a_commit_comes_with_the_extra_test():
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
        if repo["repo"] == "local"
    ]
    tools = {hook["entry"].split()[0] for hook in hooks}
    packages = {"ruff": "ruff", "pyright": "pyright", "lint-imports": "import-linter"}
    assert tools == {f".venv/bin/{name}" for name in packages}
    brought = {re.split(r"[<>=]", line)[0] for line in EXTRAS["test"]}
    assert set(packages.values()) <= brought
    assert all((ROOT / tool).exists() for tool in tools)


def test_what_runs_before_a_commit_is_what_ci_runs():
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    for name in ("ruff check", "ruff format --check", "pyright", "lint-imports"):
        assert f"$(BIN)/{name}" in lint
        assert f".venv/bin/{name}" in (ROOT / ".pre-commit-config.yaml").read_text()
