"""`mavfer labels agree`: tables, files, the page, and bad input in one line."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.agreement.files import as_json, write_files
from mavfer.annotate.agreement.measures import MEASURES
from mavfer.annotate.agreement.page import agreement_page
from mavfer.annotate.agreement.summary import summary_of
from mavfer.annotate.trace import DIMENSIONS, Trace, write_trace


def made_traces(n_sessions: int = 2, raters: tuple[str, ...] = ("r1", "r2", "r3")) -> list[Trace]:
    found = []
    for k in range(n_sessions):
        random = np.random.default_rng(k)
        curve = 5 * np.sin(np.arange(400) / 30 + k)
        for dimension in DIMENSIONS:
            for i, rater in enumerate(raters):
                sign = -1 if rater == "r3" and dimension == "arousal" else 1
                value = np.clip(np.round(sign * curve + random.normal(size=400) + 0.3 * i), -10, 10)
                found.append(Trace(f"take{k}", rater, dimension, np.arange(400) / 10, value))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for trace in made_traces():
        write_trace(tmp_path / "traces", trace)
    return tmp_path / "traces"


def mavfer(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mavfer", "labels", "agree", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_table_says_every_reading_and_who_stands_out(folder: Path) -> None:
    done = mavfer(folder)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "mean of sessions",
        "pooled per team",
        "raw",
        "zero-mean",
        *(m.word for m in MEASURES.values()),
    ):
        assert words in done.stdout
    assert "r3 rates arousal the other way round" in done.stdout
    assert "3 raters, 2 sessions, 10 samples per second" in done.stdout


def test_the_folder_holds_figures_raters_json_and_a_page_and_is_not_overwritten(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert mavfer(folder, "--out", out).returncode == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["agreement.csv", "agreement.html", "agreement.json", "raters.csv"]
    with (out / "agreement.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    told = json.loads((out / "agreement.json").read_text())
    assert len(rows) == len(told["readings"]) * len(MEASURES)
    alpha = next(r for r in rows if (r["scope"], r["level"], r["measure"]) == ("session", "raw", "alpha"))
    assert float(alpha["value"]) == pytest.approx(told["readings"][0]["values"]["alpha"]["value"], rel=1e-6)
    before = (out / "agreement.json").read_bytes()
    again = mavfer(folder, "--out", out)
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    assert mavfer(folder, "--out", out, "--overwrite").returncode == 0
    assert (out / "agreement.json").read_bytes() == before


def test_the_same_traces_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        summary = summary_of(made_traces(6))
        write_files(tmp_path / name, summary)
        agreement_page(summary).write(tmp_path / name / "page.html")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_work_done_is_told_of_a_total_that_stays() -> None:
    compared: list[tuple[int, int]] = []
    summary = summary_of(made_traces(6), on_progress=lambda *now: compared.append(now))
    drawn: list[tuple[int, int]] = []
    agreement_page(summary, on_progress=lambda *now: drawn.append(now))
    for told in (compared, drawn):
        assert told == sorted(told)
        assert len({total for _, total in told}) == 1
    assert compared[-1][0] == compared[-1][1]
    assert [done for done, _ in drawn] == [0, 6, 7, 8, 9, 10, 11]  # all together, then each session


def test_overwrite_replaces_nothing_that_is_no_agreement(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").write_text("years of work")
    done = mavfer(folder, "--out", tmp_path / "notes", "--overwrite")
    assert done.returncode == 1
    assert (tmp_path / "notes" / "thesis.tex").exists()


def test_one_session_alone_and_an_unknown_one(folder: Path) -> None:
    done = mavfer(folder, "--session", "take1")
    assert "3 raters, 1 session" in done.stdout
    missing = mavfer(folder, "--session", "take9")
    assert missing.returncode == 1
    assert "wanted traces of session 'take9', found only 'take0', 'take1'" in missing.stderr


def test_bad_folders_are_one_line(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place, words in ((tmp_path / "nowhere", "found nothing"), (tmp_path / "empty", "found none")):
        done = mavfer(place)
        assert done.returncode == 1
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    (folder / "take0.r1.valence.csv").write_text("time_s,value\n0,eleven\n")
    done = mavfer(folder)
    assert done.returncode == 1
    assert "line 2" in done.stderr


def test_ratings_by_one_rater_are_no_failure_and_told(tmp_path: Path) -> None:
    for trace in made_traces(1, ("r1",)):
        write_trace(tmp_path / "traces", trace)
    done = mavfer(tmp_path / "traces", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "nothing to compare" in done.stdout
    assert "only r1 rated valence" in done.stderr
    assert "Nothing to compare" in (tmp_path / "out" / "agreement.html").read_text()


def test_what_is_not_defined_is_null_and_the_page_escapes_what_it_is_told() -> None:
    constant = [Trace("<b>a</b>", r, "valence", np.arange(50) / 10, np.zeros(50)) for r in ("r1", "r2")]
    summary = summary_of(constant)
    told = as_json(summary)
    json.dumps(told, allow_nan=False)
    assert told["readings"][0]["values"]["alpha"]["value"] is None
    html = agreement_page(summary).html()
    assert "<b>a</b>" not in html
    assert "<script" not in html
