"""One version, said in four places: the package, the changelog, the citation and the tag."""

import re
import subprocess
from datetime import date
from pathlib import Path

import yaml

import mavfer

ROOT = Path(mavfer.__file__).parent
HEADING = re.compile(r"^## (\S+) \((unreleased|\d{4}-\d{2}-\d{2})\)$")


def headings() -> list[tuple[str, str]]:
    """Return each version of the changelog with its date, the newest first."""
    lines = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    found = [HEADING.match(line) for line in lines]
    assert all(found), lines
    return [(match[1], match[2]) for match in found if match]


def tags(*which: str) -> set[str]:
    ran = subprocess.run(
        ["git", "tag", "--list", "v*", *which], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_the_version_is_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", mavfer.__version__)


def test_the_changelog_begins_with_this_version_and_goes_back_in_time():
    versions = [version for version, _ in headings()]
    assert versions[0] == mavfer.__version__
    assert versions == sorted(set(versions), key=ordered, reverse=True)
    assert all(day != "unreleased" for _, day in headings()[1:])
    days = [date.fromisoformat(day) for _, day in headings() if day != "unreleased"]
    assert days == sorted(days, reverse=True)


def test_a_tagged_commit_is_the_version_that_its_tag_says_and_is_dated():
    for tag in tags("--points-at", "HEAD"):
        assert tag == f"v{mavfer.__version__}"
        assert headings()[0][1] != "unreleased"


def test_every_tag_has_its_heading_in_the_changelog():
    assert tags() <= {f"v{version}" for version, _ in headings()}


def test_the_citation_names_this_version_and_the_day_of_its_release():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == mavfer.__version__
    day = headings()[0][1]
    assert str(citation.get("date-released", "unreleased")) == day
