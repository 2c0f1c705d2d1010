"""`mavfer train` as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from mavfer.errors import DatasetError, ModelError, UsageError
from mavfer.model.checkpoint import read_run_record
from mavfer.model.commands.train import train

SHORT = ["--model", "cnn", "--size", "small", "--steps", "2", "--batch", "2", "--threads", "1"]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("train")(train)
    return app


def test_options_reach_the_network_and_the_result_is_marked_simulated(
    app: typer.Typer, dataset48: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    more = ["--set", "dropout=0.0", "--set", "output=linear", "--dimensions", "valence", "--patience", "5"]
    done = CliRunner().invoke(app, [str(dataset48), "--out", str(run), *SHORT, *more])
    assert done.exit_code == 0, done.output
    assert "predicts valence; epoch 1 of 1 kept, validation CCC" in done.stdout
    assert "(simulated)" in done.stdout
    record = read_run_record(run)
    assert (record.options["dropout"], record.options["output"]) == (0.0, "linear")
    assert (record.config.patience, record.dimensions) == (5, ("valence",))


def test_with_json_stdout_is_one_object_of_what_the_record_says(
    app: typer.Typer, dataset48: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    done = CliRunner().invoke(app, [str(dataset48), "--out", str(run), *SHORT, "--seed", "3", "--json"])
    assert done.exit_code == 0, done.output
    told, record = json.loads(done.stdout), read_run_record(run)
    assert (told["run"], told["model"], told["seed"], told["n_steps"]) == (str(run), "cnn", 3, 2)
    assert told["validation_score"] == pytest.approx(record.validation_score)
    assert (told["validation_measure"], told["kept_epoch"]) == ("ccc", 1)
    assert told["n_parameters"] == record.n_parameters
    assert told["training_subjects"] == list(record.training_subjects)
    assert told["simulated"] is True
    assert told["duration_s"] == record.seconds


@pytest.mark.parametrize("words", [["--list", "--json"], ["--json", "--list"]])
def test_the_networks_are_listed_as_json_wherever_the_word_stands(app: typer.Typer, words: list[str]) -> None:
    from mavfer.model.families import NAMES

    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0
    assert [one["model"] for one in json.loads(shown.stdout)["models"]] == list(NAMES)


def test_every_network_is_listed(app: typer.Typer) -> None:
    from mavfer.model.families import NAMES

    shown = CliRunner().invoke(app, ["--list"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert [name for name in NAMES if name not in shown.stdout] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "mrn"], "found 'mrn'"),
        (["--lr", "-1"], "lr: wanted more than 0"),
        (["--seed", str(2**32)], "seed: wanted less than 4294967296"),
        (["--threads", "100000"], "threads: wanted at most 1024"),
        (["--set", "dropout"], "wanted --set NAME=VALUE, found 'dropout'"),
        (["--set", "dropout=0", "--set", "dropout=1"], "wanted each --set once, found 'dropout' twice"),
        (["--features", "a"], "wanted --features NAME=VALUE"),
        (["--epochs", "1", "--steps", "1"], "wanted epochs or steps, found both"),
        (["--classes", "quadrants", "--loss", "mse"], "learned by cross entropy"),
    ],
)
def test_misuse_is_one_line(app: typer.Typer, tmp_path: Path, words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "run"), *words])
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)


def test_weights_may_name_their_layout_and_are_found_from_here(
    app: typer.Typer, dataset48: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"conv1_1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "caffe.pth")
    monkeypatch.chdir(tmp_path)
    words = ["--model", "vgg-face", "--size", "small", "--weights", "vgg-face-caffe=caffe.pth"]
    found = CliRunner().invoke(app, [str(dataset48), "--out", "run", *words])
    assert isinstance(found.exception, ModelError)
    assert str(tmp_path / "caffe.pth") in str(found.exception)
    assert "conv1_1" in str(found.exception)


def test_a_missing_dataset_is_a_mavfer_error(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "no"), "--out", str(tmp_path / "run")])
    assert isinstance(result.exception, DatasetError)


def test_importing_the_command_does_not_import_torch() -> None:
    code = "import sys, mavfer.model.commands.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
