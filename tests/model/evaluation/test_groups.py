"""Laws of the scores by demographic group."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.errors import DatasetError, ModelError
from mavfer.model.evaluation.evaluate import evaluate
from mavfer.model.evaluation.groups import EVALUATION_NAME, evaluate_groups
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.groups import fine_tune
from mavfer.model.training.groups_file import STAGE_ONE
from mavfer.model.training.train import train

SPLITS = {
    **dict.fromkeys(["S1", "S2", "S3", "S4"], "train"),
    "S5": "validation",
    **dict.fromkeys(["T1", "T2", "T3", "T4", "T5"], "test"),
}
SEX = {"S1": "male", "S2": "female", "S3": "female", "S4": "male", "T1": "male", "T2": "female"}
TOO = {"T3": "male", "T4": "divers"}
"""A value that nobody trained on has; T5 is not known at all."""
OPTIONS = {"width": 0.05, "size_px": 32, "n_frames": 4, "dropout": 0.0, "training_frames": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_dataset: Callable[..., Path]) -> Path:
    """Return a folder with `dataset`, and `by-sex`, the networks of both sexes."""
    folder = tmp_path_factory.mktemp("groups")
    dataset = make_dataset(folder / "dataset", splits=SPLITS, n_frames=16)
    rows = "".join(f"{subject},{value}\n" for subject, value in {**SEX, **TOO}.items())
    (dataset / "subjects.csv").write_text(f"subject,sex\n{rows}", encoding="utf-8")
    config = TrainConfig(model="dsan", size="small", steps=8, batch=4, threads=1, set=OPTIONS)
    train(dataset, config=config, out=folder / "run")
    fine_tune(
        folder / "run", by="sex", out=folder / "by-sex", min_subjects=2, changes={"steps": 8, "lr": 1e-3}
    )
    return folder


def test_each_subject_is_scored_by_the_network_of_their_group(folder: Path) -> None:
    found = evaluate_groups(folder / "by-sex")
    rows = {row.value: row for row in found.groups}
    assert {value: (row.run, row.subjects) for value, row in rows.items()} == {
        "female": ("female", ("T2",)),
        "male": ("male", ("T1", "T3")),
        "divers": (STAGE_ONE, ("T4",)),
        None: (STAGE_ONE, ("T5",)),
    }
    alone = {name: _session_scores(folder / "by-sex" / name) for name in (STAGE_ONE, "female")}
    for measure in ("rmse", "cc", "ccc"):
        female = rows["female"]
        assert female.scores["valence"][measure] == pytest.approx(alone["female"]["T2"][measure])
        assert female.stage_one["valence"][measure] == pytest.approx(alone[STAGE_ONE]["T2"][measure])
    assert rows["divers"].scores == rows["divers"].stage_one
    assert rows["male"].scores != rows["male"].stage_one


def _session_scores(run: Path) -> dict[str, dict[str, float]]:
    return {one.subject: one.scores["valence"] for one in evaluate(run, postprocess_on="none").sessions}


def test_everybody_together_is_stage_one_where_stage_one_is_evaluated_alone(folder: Path) -> None:
    found = evaluate_groups(folder / "by-sex")
    alone = evaluate(folder / "by-sex" / STAGE_ONE, postprocess_on="none")
    for name, scores in alone.scores.items():
        assert found.together.stage_one[name] == pytest.approx(scores)
    assert found.together.n_frames == alone.n_frames == 80
    assert found.simulated
    assert found.unseen_subjects


def test_the_gain_has_limits_around_the_difference_with_five_subjects(folder: Path) -> None:
    found = evaluate_groups(folder / "by-sex")
    low, high = found.gain["valence"]["rmse"]
    gain = found.together.scores["valence"]["rmse"] - found.together.stage_one["valence"]["rmse"]
    assert low < gain < high


def test_the_file_beside_the_networks_says_the_same(folder: Path) -> None:
    found = evaluate_groups(folder / "by-sex")
    page = json.loads((folder / "by-sex" / EVALUATION_NAME).read_text(encoding="utf-8"))
    assert page["together"]["scores"] == found.together.scores
    assert [row["value"] for row in page["groups"]] == [row.value for row in found.groups]
    assert (folder / "by-sex" / page["dataset"]).resolve() == (folder / "dataset").resolve()


def test_subjects_that_stage_one_has_seen_are_never_scored(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"wanted subjects that the run never saw, .* S5;"):
        evaluate_groups(folder / "by-sex", split="validation")


def test_a_dataset_that_does_not_say_who_belongs_where_is_refused(
    folder: Path, tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    other = make_dataset(tmp_path / "other", splits={"U1": "test"}, n_frames=16)
    with pytest.raises(DatasetError, match=r"wanted subjects.csv with columns 'subject' and 'sex'"):
        evaluate_groups(folder / "by-sex", dataset=other)


def test_the_command_prints_both_networks_of_each_group(folder: Path) -> None:
    words = ["evaluate-groups", str(folder / "by-sex"), "--device", "cpu"]
    found = CliRunner().invoke(command_line(), words, env={"COLUMNS": "200"})
    assert found.exit_code == 0, found.output
    lines = [line.split() for line in found.stdout.splitlines()]
    assert ["female", "1", "own", "network"] in [line[:4] for line in lines]
    assert ["unknown", "1", "stage-one"] in [line[:3] for line in lines]
    assert "80 simulated frames of 5 subjects never trained on" in found.stdout
    assert "valence CCC: the groups' networks change it by" in found.stdout
