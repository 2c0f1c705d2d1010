import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mavfer.errors import ModelError, UsageError
from mavfer.model.commands.compare import compare
from mavfer.model.commands.evaluate import evaluate
from mavfer.model.evaluation.evaluate import summed_up
from mavfer.model.evaluation.evaluation_file import Evaluation, write_evaluation
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.preprocess.dataset.record import SplitScheme

FOLDS = SplitScheme(name="kfold3", by="fold", folds={"S01": 0, "S02": 1, "S03": 2})


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    app.command("compare")(compare)
    return app


@pytest.fixture(scope="module")
def runs(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with a dataset and the three folds of a run."""
    folder = tmp_path_factory.mktemp("runs")
    make_dataset(
        folder / "dataset",
        splits={"S01": "train", "S02": "validation", "S03": "test"},
        n_frames=20,
        more_splits=[FOLDS],
    )
    for fold in range(3):
        make_run(folder / "folds" / f"fold{fold}", folder / "dataset", split="kfold3", fold=fold)
    return folder


def test_a_run_is_scored_beside_a_constant_and_its_data_named(app: typer.Typer, runs: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(runs / "folds" / "fold2")])
    assert done.exit_code == 0, done.output
    for wanted in ("valence RMSE", "arousal CCC", "constant", "post-processed", "S03-a", "simulated"):
        assert wanted in done.stdout
    assert "20 simulated frames of 1 subject never trained on (split 'kfold3', fold 2)" in done.stdout
    assert "post-processing of valence" in done.stdout
    assert "on validation subjects S01)" in done.stdout


def test_a_folder_of_folds_is_pooled_after_each_is_scored(
    app: typer.Typer, runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(runs, tmp_path / "own")
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "own" / "folds"), "--fit-on", "none"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("post-processing: none: it was not asked for") == 3
    assert "60 simulated frames of 3 subjects never trained on (split 'kfold3', folds 0, 1, 2)" in done.stdout
    assert all((tmp_path / "own" / "folds" / f"fold{k}" / "evaluation.json").is_file() for k in range(3))


def test_systems_are_compared_from_what_was_evaluated(
    app: typer.Typer,
    draw_session: Callable[..., SessionPrediction],
    draw_evaluation: Callable[..., Evaluation],
    tmp_path: Path,
) -> None:
    for name, quality in (("mran", 0.9), ("uran", 0.4)):
        sessions = tuple(draw_session(f"S{k}", np.random.default_rng(k), quality=quality) for k in range(8))
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.toml").touch()
        evaluation = summed_up(draw_evaluation(tmp_path / name, sessions))
        write_evaluation(evaluation, dataset="../dataset", dataset_sha256="0" * 64)
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "mran"), str(tmp_path / "uran")])
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.startswith("valence CCC"))
    assert "mran" in row
    assert " * " in row
    assert "0.0078" in row  # 2 of the 2**8 patterns
    assert "over 8 simulated subjects" in done.stdout
    alone = CliRunner().invoke(app, ["compare", str(tmp_path / "mran")])
    assert isinstance(alone.exception, UsageError)


def test_a_folder_without_runs_is_a_mavfer_error(app: typer.Typer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "no")])
    assert isinstance(done.exception, ModelError)
