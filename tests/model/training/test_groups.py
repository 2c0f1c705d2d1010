"""Laws of the second stage: a network for each demographic group."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.errors import DatasetError, MavferError, ModelError
from mavfer.model.checkpoint import open_run, read_run_record
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.groups import fine_tune
from mavfer.model.training.groups_file import STAGE_ONE, read_groups
from mavfer.model.training.train import train

SEX = {"S1": "male", "S2": "female", "S3": "female", "S4": "male", "S5": "Non binary/other", "S7": "male"}
SPLITS = {
    **dict.fromkeys(["S1", "S2", "S3", "S4", "S5", "S6"], "train"),
    "S7": "validation",
    "S8": "test",
}
TINY = {"width": 0.05, "size_px": 32, "n_frames": 4, "dropout": 0.0, "training_frames": None}


def _write_subjects(dataset: Path, sex: dict[str, str]) -> None:
    rows = "".join(f"{subject},{value}\n" for subject, value in sex.items())
    (dataset / "subjects.csv").write_text(f"subject,sex\n{rows}", encoding="utf-8")


def _config(**changes: Any) -> TrainConfig:
    options = {**TINY, "attributes": ("sex",), **changes.pop("set", {})}
    table = {"model": "dsan", "size": "small", "steps": 8, "batch": 4, "threads": 1, "set": options}
    return TrainConfig.model_validate(table | changes)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, make_dataset: Callable[..., Path]) -> Path:
    """Return a folder with `dataset` and `run`, the first stage on it."""
    folder = tmp_path_factory.mktemp("groups")
    dataset = make_dataset(folder / "dataset", splits=SPLITS, n_frames=16)
    _write_subjects(dataset, SEX)
    train(dataset, config=_config(), out=folder / "run")
    return folder


@pytest.fixture(scope="module")
def tuned(stage: Path) -> Path:
    """Return the networks by sex: male and female fine-tuned, the third group too small."""
    fine_tune(stage / "run", by="sex", out=stage / "by-sex", min_subjects=2, changes={"steps": 4, "lr": 0.01})
    return stage / "by-sex"


def _weights(run: Path) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in open_run(run).network.parameters()])


def test_each_large_group_has_its_own_weights_and_a_small_one_those_of_stage_one(tuned: Path) -> None:
    groups = {group.value: group for group in read_groups(tuned).groups}
    assert {value: group.run for value, group in groups.items()} == {
        "female": "female",
        "male": "male",
        "Non binary/other": STAGE_ONE,
    }
    assert groups["Non binary/other"].subjects == ("S5",)
    assert not groups["Non binary/other"].fine_tuned
    first, female, male = (_weights(tuned / name) for name in (STAGE_ONE, "female", "male"))
    assert torch.equal(first, _weights(tuned.parent / "run"))
    for name in (STAGE_ONE, "female", "male"):
        assert "It was not evaluated" in (tuned / name / "model-card.md").read_text(encoding="utf-8")
    for own, other in ((female, male), (female, first), (male, first)):
        assert not torch.allclose(own, other, atol=1e-5)
        assert (own - other).abs().max() < 0.02  # they started from the same weights


def test_a_group_learns_from_its_own_subjects_and_remembers_who_was_seen_before(tuned: Path) -> None:
    male = read_run_record(tuned / "male")
    assert male.training_subjects == ("S1", "S4")
    assert male.validation_subjects == ("S7",)
    assert set(male.pretrained_subjects) == {"S1", "S2", "S3", "S4", "S5", "S6", "S7"}
    female = read_run_record(tuned / "female")
    assert female.validation_subjects == ()
    assert read_groups(tuned).unknown == ("S6",)


def test_the_second_stage_is_shorter_and_slower_and_no_longer_learns_the_attribute(stage: Path) -> None:
    fine_tune(stage / "run", by="sex", out=stage / "quarter", min_subjects=2)
    record = read_run_record(stage / "quarter" / "male")
    assert record.n_steps == 2
    assert record.config.lr == pytest.approx(7e-5)
    assert record.options["attribute_weight"] == 0
    first = read_run_record(stage / "run")
    same = {name for name in first.options if name != "attribute_weight"}
    assert {name: record.options[name] for name in same} == {name: first.options[name] for name in same}


def test_the_dataset_is_found_from_where_the_runs_come_to_lie(tuned: Path) -> None:
    for name in (STAGE_ONE, "male", "female"):
        found = (tuned / name / read_run_record(tuned / name).dataset).resolve()
        assert found == (tuned.parent / "dataset").resolve()


@pytest.mark.parametrize(
    ("sex", "options", "line"),
    [
        (None, {}, r"groups want to know each subject's 'sex'; wanted subjects.csv"),
        (dict.fromkeys(SEX, "male"), {}, r"of two groups by 'sex' or more, found male 5: "),
        (
            SEX,
            {"min_subjects": 3},
            r"at least 3 training subjects, found Non binary/other 1, female 2, male 2",
        ),
        (SEX, {"by": "age"}, r"each subject's 'age'; wanted column 'age', found subject, sex"),
    ],
)
def test_groups_that_cannot_be_told_are_one_line(
    stage: Path, tmp_path: Path, sex: dict[str, str] | None, options: dict[str, Any], line: str
) -> None:
    table = stage / "dataset" / "subjects.csv"
    kept = table.read_text(encoding="utf-8")
    try:
        table.unlink()
        if sex is not None:
            _write_subjects(stage / "dataset", sex)
        with pytest.raises(DatasetError, match=line):
            fine_tune(stage / "run", **{"by": "sex", "out": tmp_path / "out", **options})
    finally:
        table.write_text(kept, encoding="utf-8")
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_dataset_is_refused(
    stage: Path, tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    other = make_dataset(tmp_path / "other", splits=SPLITS, n_frames=20)
    _write_subjects(other, SEX)
    with pytest.raises(ModelError, match="that the run learned from, found others"):
        fine_tune(stage / "run", by="sex", dataset=other, out=tmp_path / "out")


def test_training_on_subjects_that_are_not_there_is_refused(stage: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match="wanted subjects of the training and validation splits, found 's8'"
    ):  # a test subject
        train(stage / "dataset", config=_config(subjects=("S1", "S8")), out=tmp_path / "run")


def test_folders_without_groups_or_with_runs_elsewhere_are_refused(tuned: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"groups.toml, found none; .*mavfer fine-tune"):
        read_groups(tmp_path)
    text = (tuned / "groups.toml").read_text(encoding="utf-8").replace('"female"', '"../female"')
    (tmp_path / "groups.toml").write_text(text, encoding="utf-8")
    with pytest.raises(MavferError, match=r"wanted a folder beside groups.toml, found run '../female'"):
        read_groups(tmp_path)


def test_the_command_names_the_groups_and_the_small_ones(stage: Path, tmp_path: Path) -> None:
    words = ["fine-tune", str(stage / "run"), "--by", "sex", "--out", str(tmp_path / "out")]
    found = CliRunner().invoke(command_line(), [*words, "--min-subjects", "2", "--steps", "1"])
    assert found.exit_code == 0, found.output
    assert "sex female: 2 training subjects, epoch 1 of 1 kept, validation none (simulated)" in found.stdout
    assert "sex Non binary/other: 1 training subject, fewer than 2: the weights of stage-one" in found.stdout
    assert "sex unknown of S6: in stage-one alone" in found.stdout


def test_with_json_each_group_says_which_network_it_got(stage: Path, tmp_path: Path) -> None:
    words = ["fine-tune", str(stage / "run"), "--by", "sex", "--out", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(command_line(), [*words, "--min-subjects", "2", "--steps", "1"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["by"], told["min_subjects"], told["unknown"]) == ("sex", 2, ["S6"])
    groups = {one["value"]: one for one in told["groups"]}
    assert groups["female"]["subjects"] == ["S2", "S3"]
    assert groups["female"]["training"]["n_steps"] == 1
    assert groups["Non binary/other"]["training"] is None
    assert groups["Non binary/other"]["run"] == str(tmp_path / "out" / STAGE_ONE)
