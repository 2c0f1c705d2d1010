import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mavfer.capture.locking import lock
from mavfer.command_line import command_line
from mavfer.errors import OutputError, UsageError
from mavfer.model.tables.jobs import Settings
from mavfer.model.tables.tables import MARKER, make_tables

SMALL = ["--tables", "IX,fig10,fig12", "--size", "small", "--steps", "1", "--jobs", "1", "--device", "cpu"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_of_a_dataset_are_trained_once_written_and_found_again(folds_dataset: Path, tmp_path: Path):
    out = tmp_path / "tables"
    words = ["tables", str(folds_dataset), "--out", str(out), "--split", "default", *SMALL]
    first = CliRunner().invoke(command_line(), words)
    assert first.exit_code == 0, first.output
    assert "all runs are finished" in first.stdout

    ours = {row["row"]: row for row in rows(out / "table-IX.csv")}
    assert ours["URAN"]["printed_ccc"] == "0.612"
    assert "simulated" in ours["URAN"]["data"]
    assert float(ours["URAN"]["rmse"]) > 0
    assert ours["Baseline (AVEC 2017)"]["ccc"] == ""
    orders = rows(out / "table-IX-orders.csv")
    assert [row["better"] for row in orders] == ["URAN", "CNN + RNN, 4 s"]
    assert all(row["difference"] for row in orders)
    runs = rows(out / "runs.csv")
    assert {row["state"] for row in runs} == {"finished"}
    assert len(runs) == 4  # CNN, CNN + RNN, URAN, MRAN
    series = rows(out / "fig12-series.csv")
    assert {row["subject"] for row in series} == {"S05", "S06"}
    assert {"valence_truth", "valence URAN", "valence MRAN"} <= set(series[0])
    page = (out / "index.html").read_text(encoding="utf-8")
    shown = ("Table IX", "0.612", "simulated", "Attention over the crops", "S05, ", "valence over time")
    for wanted in shown:
        assert wanted in page

    left = out / "runs" / f"{runs[0]['run']}.unfinished"
    left.mkdir()
    written = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("model.pt")}
    again = CliRunner().invoke(command_line(), [*words, "--json"])
    assert again.exit_code == 0, again.output
    assert "4 runs, 4 of them finished before" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("model.pt")} == written
    assert not left.exists()
    told = json.loads(again.stdout)
    assert (told["n_runs"], told["n_runs_finished"], told["failed"]) == (4, 4, {})
    assert told["page"] == str(out / "index.html")
    table = next(one for one in told["tables"] if one["table"] == "IX")
    uran = next(row for row in table["rows"] if row["row"] == "URAN")
    assert f"{uran['ccc']:.6g}" == ours["URAN"]["ccc"]
    assert (uran["printed_ccc"], uran["modalities"]) == ([0.612], ["color"])
    assert [one["verdict"] for one in table["orders"]] == [row["verdict"] for row in orders]


def test_without_time_the_page_is_written_and_says_what_is_missing(folds_dataset: Path, tmp_path: Path):
    words = [
        "tables",
        str(folds_dataset),
        "--out",
        str(tmp_path / "t"),
        "--max-minutes",
        "0",
        "--size",
        "small",
    ]
    result = CliRunner().invoke(command_line(), words)
    assert result.exit_code == 0, result.output
    assert "78 of 78 runs are missing; call it again to go on" in result.stdout  # 26 systems, 3 folds
    assert "3 of 3 runs are missing" in (tmp_path / "t" / "index.html").read_text(encoding="utf-8")
    assert rows(tmp_path / "t" / "table-IV.csv")[0]["ccc"] == ""


def test_a_folder_of_something_else_is_left_alone(folds_dataset: Path, tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(OutputError, match="found something else"):
        make_tables(folds_dataset, out=tmp_path, names=("IX",), settings=Settings())


def test_two_do_not_work_in_one_folder(folds_dataset: Path, tmp_path: Path):
    with (tmp_path / MARKER).open("ab") as file:
        assert lock(file.fileno())
        with pytest.raises(OutputError, match="at work there"):
            make_tables(folds_dataset, out=tmp_path, names=("IX",), settings=Settings())


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--tables", "X"], "wanted --tables of"),
        (["--dimensions", "joy"], "wanted --dimensions of"),
        (["--weights", "vgg=w.pt"], "wanted --weights MODEL=FILE"),
        (["--split", "default", "--folds", "3"], "found both"),
    ],
)
def test_misuse_is_one_line(folds_dataset: Path, tmp_path: Path, words: list[str], complaint: str):
    asked = ["tables", str(folds_dataset), "--out", str(tmp_path / "t"), *words]
    result = CliRunner().invoke(command_line(), asked)
    assert isinstance(result.exception, UsageError)
    assert complaint in str(result.exception)
    assert not (tmp_path / "t").exists()
