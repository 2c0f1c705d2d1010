"""`mavfer labels fuse` from end to end: files and a table, one line for what fails, 2 for misuse."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from mavfer.annotate.fusion.gold_file import read_gold
from mavfer.annotate.study.films import read_film
from mavfer.annotate.trace import Trace, write_trace
from mavfer.command_line import command_line
from mavfer.errors import OutputError, TraceError, UsageError

TIME_S = np.arange(0, 60, 0.1)


def felt(at_s: np.ndarray) -> np.ndarray:
    return 5 * np.sin(at_s / 2.3) + 3 * np.sin(at_s / 0.9)


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    for session in ("A", "B"):
        for k, lag_s in enumerate((0.5, 1.5, 2.5)):
            for dimension, sign in (("valence", 1), ("arousal", -1)):
                value = sign * felt(TIME_S - lag_s)
                write_trace(folder, Trace(session, f"r{k}", dimension, TIME_S, value))
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(command_line(), ["labels", "fuse", *map(str, words)])


def test_every_session_and_dimension_gets_a_gold_standard_and_a_row(traces: Path, tmp_path: Path) -> None:
    result = run(traces, "--out", tmp_path / "gold", "--method", "ewe", "--lag", 1.5)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "gold").iterdir()) == [
        f"{session}.gold.{dimension}.{suffix}"
        for session in "AB"
        for dimension in ("arousal", "valence")
        for suffix in ("csv", "json")
    ]
    assert result.stdout.count("1.5 s (fixed)") == 4
    assert "wrote 4 gold standards" in result.stdout
    gold = read_gold(tmp_path / "gold" / "A.gold.valence.csv")
    assert gold.header.recipe.method == "ewe"
    assert len(gold.time_s) == 605
    assert sum(one.weight for one in gold.header.raters) == pytest.approx(1, abs=1e-5)
    assert not gold.header.simulated


def test_with_json_every_gold_standard_is_told_with_its_raters_and_what_failed(
    traces: Path, tmp_path: Path
) -> None:
    (traces / "B.r0.valence.csv").write_text("time_s,value\n0,much\n", encoding="utf-8")
    result = run(traces, "--out", tmp_path / "gold", "--method", "ewe", "--lag", 1.5, "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["recipe"]["method"], told["recipe"]["lag_s"]) == ("ewe", 1.5)
    assert [(one["session"], one["dimension"]) for one in told["gold_standards"]] == [
        ("A", "valence"),
        ("A", "arousal"),
    ]
    for one in told["gold_standards"]:
        gold = read_gold(Path(one["file"]))
        assert one["n_values"] == len(gold.time_s)
        assert one["n_missing"] == np.isnan(gold.value).sum()
        assert [rater["weight"] for rater in one["raters"]] == [r.weight for r in gold.header.raters]
    ((session, problem),) = [(one["session"], one["problem"]) for one in told["not_fused"]]
    assert session == "B"
    assert problem in result.stderr


def test_the_same_traces_give_the_same_bytes(traces: Path, tmp_path: Path) -> None:
    options = [
        "--method",
        "dtw",
        "--weights",
        "r-others",
        "--smoothing",
        "savgol",
        "--window-s",
        1,
        "--center",
    ]
    for name in ("one", "two"):
        assert run(traces, "--out", tmp_path / name, *options).exit_code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_estimated_lags_are_kept_with_where_they_come_from(traces: Path, tmp_path: Path) -> None:
    result = run(
        traces, "--out", tmp_path / "gold", "--lag", "estimate", "--common-lag-s", 1.5, "--session", "A"
    )
    assert result.exit_code == 0, result.output
    assert "A valence: lags are relative" in result.stderr
    gold = read_gold(tmp_path / "gold" / "A.gold.valence.csv")
    assert [one.lag_s for one in gold.header.raters] == pytest.approx([0.5, 1.5, 2.5])
    assert {one.lag_from for one in gold.header.raters} == {"estimated"}
    inside = (gold.time_s > 3) & (gold.time_s < 55)
    np.testing.assert_allclose(gold.value[inside], felt(gold.time_s[inside]) / 10, atol=0.01)
    assert not (tmp_path / "gold" / "B.gold.valence.csv").exists()


def test_lags_against_a_reference_are_whole_and_its_hash_is_kept(traces: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    reference.mkdir()
    lines = "".join(f"{t:.3f},{v:.6f}\n" for t, v in zip(TIME_S, felt(TIME_S), strict=True))
    (reference / "A.csv").write_text("time_s,value\n" + lines)
    options = ["--lag", "estimate", "--reference", reference]
    result = run(traces, "--out", tmp_path / "gold", *options)
    assert result.exit_code == 1
    gold = read_gold(tmp_path / "gold" / "A.gold.valence.csv")
    assert [one.lag_s for one in gold.header.raters] == pytest.approx([0.5, 1.5, 2.5])
    assert gold.header.reference_sha256 is not None
    assert "not fused: A arousal: wanted the lag of rater" in result.stderr  # its ratings fall when it rises
    assert "not fused: B valence: wanted a reference with the columns time_s,value" in result.stderr


def test_a_session_that_cannot_be_fused_is_told_and_the_others_are_written(
    traces: Path, tmp_path: Path
) -> None:
    write_trace(traces, Trace("C", "r0", "valence", TIME_S, felt(TIME_S)))
    (traces / "D.r0.valence.csv").write_text("time_s,value\n0,99\n")
    result = run(traces, "--out", tmp_path / "gold", "--method", "ewe")
    assert result.exit_code == 1
    assert "not fused: C valence: wanted two raters or more to weight by their agreement" in result.stderr
    assert "not fused: D: wanted ratings in [-10, 10], found 99" in result.stderr
    assert "wrote 4 gold standards" in result.stdout
    assert len(result.stderr.splitlines()) == 2


def test_an_older_gold_standard_of_what_fails_now_is_pointed_out(traces: Path, tmp_path: Path) -> None:
    write_trace(traces, Trace("C", "r0", "valence", TIME_S, felt(TIME_S)))
    assert run(traces, "--out", tmp_path / "gold").exit_code == 0
    refused = run(traces, "--out", tmp_path / "gold")
    assert isinstance(refused.exception, OutputError)
    result = run(traces, "--out", tmp_path / "gold", "--method", "ccc", "--overwrite")
    assert result.exit_code == 1
    assert "an older gold standard of it stays: " in result.stderr


def test_frame_times_come_from_a_study(make_study, traces: Path, tmp_path: Path) -> None:
    study, _ = make_study(seconds=50)
    film = next(read_film(path) for path in sorted((study.path / "videos").glob("*.json")))
    for k in range(2):
        write_trace(traces, Trace(film.session, f"r{k}", "valence", TIME_S, felt(TIME_S)))
    result = run(traces, "--out", tmp_path / "gold", "--at", study.path, "--session", film.session)
    assert result.exit_code == 0, result.output
    gold = read_gold(tmp_path / "gold" / f"{film.session}.gold.valence.csv")
    np.testing.assert_allclose(gold.time_s, film.time_s, atol=1e-6)
    missing = run(traces, "--out", tmp_path / "other", "--at", study.path, "--session", "A")
    assert missing.exit_code == 1
    assert "not fused: A valence: wanted the frame times of session 'A', found none of it" in missing.stderr
    nowhere = run(traces, "--out", tmp_path / "other", "--at", traces)
    assert isinstance(nowhere.exception, TraceError)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--lag", "late"], "wanted none, estimate or seconds, found 'late'"),
        (["--lag", "-1"], "lag_s: wanted at least 0, found -1.0"),
        (["--lag", "nan"], "lag_s: wanted a finite number"),
        (["--lag", "2", "--max-lag-s", "3"], "wanted --max-lag-s with --lag estimate only"),
        (["--common-lag-s", "2"], "wanted --common-lag-s with --lag estimate only"),
        (["--reference", "."], "wanted --reference with --lag estimate only"),
        (
            ["--lag", "estimate", "--reference", ".", "--common-lag-s", "1"],
            "lags against a reference are whole",
        ),
        (["--smoothing", "median"], "wanted a smoothing and the width of its window"),
        (["--window-s", "2"], "wanted a smoothing and the width of its window"),
        (["--weights", "r-mean"], "wanted equal for mean, found r-mean"),
        (["--band-s", "2"], "wanted --band-s with --method dtw only"),
        (["--fps", "5", "--at", "."], "wanted --fps or --at, found both"),
    ],
)
def test_options_that_contradict_each_other_are_misuse(
    traces: Path, tmp_path: Path, options: list[str], wanted: str
) -> None:
    result = run(traces, "--out", tmp_path / "gold", *options)
    assert isinstance(result.exception, UsageError)
    assert wanted in str(result.exception)
    assert not (tmp_path / "gold").exists()


def test_a_folder_without_traces_is_one_line(traces: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, wanted in (
        (tmp_path / "none", "wanted a folder of traces, found nothing"),
        (tmp_path / "empty", "wanted traces, found no .csv"),
    ):
        result = run(folder, "--out", tmp_path / "gold")
        assert isinstance(result.exception, TraceError)
        assert wanted in str(result.exception)
    strange = run(traces, "--out", tmp_path / "gold", "--session", "Z")
    assert "wanted traces of session 'Z', found only traces of 'A', 'B'" in str(strange.exception)


def test_gold_standards_do_not_go_among_the_traces(traces: Path) -> None:
    result = run(traces, "--out", traces)
    assert isinstance(result.exception, UsageError)
    assert "wanted another folder than the traces'" in str(result.exception)


def test_a_session_whose_id_leads_out_of_the_folder_is_refused(traces: Path, tmp_path: Path) -> None:
    path = write_trace(traces, Trace("C", "r0", "valence", TIME_S, felt(TIME_S)))
    header = path.with_suffix(".json")
    header.write_text(header.read_text().replace('"C"', '"../C"'))
    result = run(traces, "--out", tmp_path / "gold")
    assert result.exit_code == 1
    assert "not fused: ../C: wanted a session whose id can name a file, found '../C'" in result.stderr
    assert not list(tmp_path.glob("C*"))


def test_times_in_milliseconds_are_refused_before_a_grid_of_years_is_made(tmp_path: Path) -> None:
    write_trace(tmp_path / "t", Trace("A", "r0", "valence", TIME_S * 1e9, felt(TIME_S)))
    result = run(tmp_path / "t", "--out", tmp_path / "gold")
    assert result.exit_code == 1
    assert "wanted ratings within 24 hours from the session's first tick" in result.stderr
