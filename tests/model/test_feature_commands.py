"""From pixels to a network of features, by the commands."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mavfer.errors import ModelError, UsageError
from mavfer.model.commands.features import features
from mavfer.model.commands.fuse_runs import fuse_runs
from mavfer.model.commands.pretrain import pretrain
from mavfer.model.commands.settings import settings_of
from mavfer.model.evaluation.evaluate import evaluate
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train

TINY = ["size_px=16", "patch_px=8", "n_values=16", "n_blocks=1", "n_heads=2", "stem=linear"]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    for command in (pretrain, features, fuse_runs):
        app.command(command.__name__.replace("_", "-"))(command)
    return app


def test_pretrained_features_train_a_network_that_remembers_whom_they_have_seen(
    app: typer.Typer, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    splits = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
    path = make_dataset(tmp_path / "d", splits=splits, n_frames=24)
    sets = [word for one in TINY for word in ("--set", one)]
    words = ["pretrain", path, "--out", tmp_path / "pre", "--size", "small", "--n-frames", 4, "--steps", 2]
    done = CliRunner().invoke(app, [*map(str, words), *sets, "--threads", "1", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "2 steps on 2 simulated subjects" in done.stdout
    card = (tmp_path / "pre" / "model-card.md").read_text(encoding="utf-8")
    assert "it is pre-trained without labels" in card
    with pytest.raises(ModelError, match="only pre-trained"):
        evaluate(tmp_path / "pre")
    words = ["pretrain", path, "--out", tmp_path / "pre", "--size", "small", "--n-frames", 4, "--steps", 1]
    told = as_json(app, *words, *sets, "--threads", 1, "--device", "cpu", "--overwrite")
    assert (told["model"], told["n_steps"], told["n_frames"]) == ("transformer", 1, 4)
    assert told["training_subjects"] == ["S01", "S02"]
    assert told["validation_score"] is told["validation_measure"] is None
    assert told["masked_loss"] > 0 < told["mean_loss"]
    words = ["features", tmp_path / "pre", path, "--out", tmp_path / "f", "--device", "cpu"]
    told = as_json(app, *words)
    assert (told["n_values"], told["n_frames"], told["n_sessions"]) == (48, 96, 4)
    assert (told["features"], told["simulated"]) == (str(tmp_path / "f"), True)
    done = CliRunner().invoke(app, [*map(str, words), "--overwrite"])
    assert done.exit_code == 0, done.output
    assert "48 values for each of 96 simulated frames of 4 sessions" in done.stdout
    config = TrainConfig(
        model="muse", features={"all": str(tmp_path / "f")}, n_frames=8, steps=2, batch=4,
        set={"hidden": 4, "n_layers": 1}, threads=1, device="cpu",
    )  # fmt: skip
    record = train(path, config=config, out=tmp_path / "run").record
    assert record.pretrained_subjects == ("S01", "S02")
    words = ["fuse-runs", tmp_path / "run", tmp_path / "run", "--out", tmp_path / "fused", "--by", "mean"]
    words += ["--device", "cpu"]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    assert "24 simulated frames of 1 subject never trained on" in done.stdout
    assert "valence = 0.50 x " in done.stdout
    assert "constant" in done.stdout
    told = as_json(app, *words, "--overwrite")
    scored = json.loads((tmp_path / "fused" / "evaluation.json").read_text(encoding="utf-8"))
    assert told["scores"]["valence"]["ccc"] == pytest.approx(scored["scores"]["valence"]["ccc"], abs=1e-5)
    assert (told["n_frames"], told["by"], told["simulated"]) == (24, "mean", True)
    run = {"run": str(tmp_path / "run"), "weight": 0.5}
    assert told["fusion"]["valence"] == {"weights": [run, run], "bias": 0.0}


def as_json(app: typer.Typer, *words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_settings_read_as_toml_and_else_as_text() -> None:
    words = ["width=0.25", "head=text", "n=3", 'stem="conv"', "on=true", "sizes=[1, 2]", "blank="]
    wanted = {"width": 0.25, "head": "text", "n": 3, "stem": "conv", "on": True, "sizes": [1, 2], "blank": ""}
    assert settings_of(words) == wanted
    for wrong in (["width"], ["=3"], ["a=1", "a=2"]):
        with pytest.raises(UsageError, match="--set"):
            settings_of(wrong)


@pytest.mark.parametrize("module", ["pretrain", "features", "fuse_runs"])
def test_importing_the_commands_does_not_import_torch(module: str) -> None:
    code = f"import sys, mavfer.model.commands.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
