import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mavfer.errors import DatasetError
from mavfer.model import commands


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("train")(commands.train)
    app.command("evaluate")(commands.evaluate)
    return app


def test_train_then_evaluate_prints_scores_marked_simulated(
    app: typer.Typer, make_dataset, tmp_path: Path
) -> None:
    splits = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
    path = make_dataset(tmp_path / "dataset", splits=splits, size_px=48, n_frames=40)
    run = tmp_path / "run"
    arguments = ["train", str(path), "--out", str(run), "--model", "uran", "--size", "small"]
    trained = CliRunner().invoke(app, [*arguments, "--epochs", "1", "--batch", "2", "--threads", "1"])
    assert trained.exit_code == 0, trained.output
    assert "simulated" in trained.stdout
    scored = CliRunner().invoke(app, ["evaluate", str(run)], env={"COLUMNS": "200"})
    assert scored.exit_code == 0, scored.output
    for wanted in ("valence RMSE", "arousal CCC", "constant", "S04-a", "simulated", "never trained on"):
        assert wanted in scored.stdout


def test_a_missing_dataset_is_a_mavfer_error(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(tmp_path / "no"), "--out", str(tmp_path / "run")])
    assert isinstance(result.exception, DatasetError)


def test_importing_the_commands_does_not_import_torch() -> None:
    code = "import sys, mavfer.model.commands; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
