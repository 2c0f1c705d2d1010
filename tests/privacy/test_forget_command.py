"""`mavfer forget` on the command line: what it prints, asks and refuses, and a process that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from mavfer.errors import MavferError, UsageError
from mavfer.privacy.commands import forget


@pytest.fixture
def call() -> Callable[..., Result]:
    """Return a function that calls the command as the command line does, without a terminal."""
    app = typer.Typer()
    app.command()(forget)

    def run(*words: object) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if isinstance(result.exception, MavferError):
            raise result.exception
        return result

    return run


def test_where_nobody_can_answer_it_wants_to_be_told_that_it_is_meant(
    call: Callable[..., Result], ratings: Path, dataset: Path
):
    with pytest.raises(UsageError, match="wanted --yes, or a terminal to ask at, found neither"):
        call("kestrel1", ratings, dataset)
    assert (dataset / "kestrel1-a.h5").exists()


def test_a_plan_and_its_report_are_the_same_in_words_and_as_json(
    call: Callable[..., Result], ratings: Path, dataset: Path
):
    told = call("kestrel1", ratings, dataset, "--dry-run")
    assert told.exit_code == 0
    assert "kestrel1-a.h5" not in told.stdout
    assert f"rewritten dataset     {dataset} (" in told.stdout
    table = json.loads(call("kestrel1", ratings, dataset, "--dry-run", "--json").stdout)
    assert table["dry_run"] is True
    assert {item["kind"] for item in table["items"]} == {"dataset", "ratings", "table"}
    assert len(told.stdout.splitlines()) == len(table["items"]) + len(table["stays"]) + 1


def test_the_report_is_a_page_and_a_record(
    call: Callable[..., Result], ratings: Path, dataset: Path, tmp_path: Path
):
    page, record = tmp_path / "report.html", tmp_path / "report.json"
    assert call("kestrel1", ratings, dataset, "--yes", "--out", page, "--out", record).exit_code == 0
    table = json.loads(record.read_text())
    assert (table["subject"], table["dry_run"], table["sessions"]) == ("kestrel1", False, ["kestrel1-a"])
    assert table["n_bytes"] > 10_000
    assert table["look_elsewhere"]
    text = page.read_text()
    for words in ("What went", "What stays, and why", "Where else to look", str(dataset)):
        assert words in text
    with pytest.raises(MavferError, match="pass --overwrite or another name"):
        call("kestrel10", dataset, "--yes", "--out", page)
    assert (dataset / "kestrel10-a.h5").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("S 1", "."), "wanted a subject pseudonym"),
        (("S1", "nowhere"), "wanted a folder to go through, found nothing"),
        (("S1", ".", "--out", "report.txt"), r"wanted a report called \.html or \.json"),
    ],
)
def test_misuse_is_one_line(call: Callable[..., Result], words: tuple[str, ...], told: str):
    with pytest.raises(UsageError, match=told):
        call(*words)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.usefixtures("sessions", "ratings", "dataset", "study")
def test_killed_at_any_moment_the_same_call_finishes_it(tmp_path: Path):
    points = Path(__file__).with_name("kill_points.py")
    shares = ["0.05", "0.35", "0.65", "0.95"]
    ended = subprocess.run(
        [sys.executable, points, tmp_path / "lab", "kestrel1", *shares],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    whole, *killed = ended.stdout.splitlines()
    assert whole.startswith("whole: exit 0, "), ended
    assert whole.endswith("left []")
    assert len(killed) == len(shares)
    for line in killed:
        assert line.endswith("exit -9, then 0, left [], problems []"), line
