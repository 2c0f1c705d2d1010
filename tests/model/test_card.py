from collections.abc import Callable
from pathlib import Path

import pytest

from mavfer.errors import ModelError
from mavfer.model.card import as_markdown, card_sections, write_card
from mavfer.model.checkpoint import RunRecord
from mavfer.model.evaluation.evaluate import evaluate
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import recipe_of

from .explain.conftest import write_untrained_run


def record_of(**changes: object) -> RunRecord:
    config = TrainConfig(model="mran", size="small", dimensions=("valence",))
    recipe = recipe_of(config)
    fields = {
        "model": "mran",
        "options": recipe.options.model_dump(),
        "inputs": recipe.inputs,
        "dimensions": ("valence",),
        "config": config,
        "loss": "mse",
        "n_parameters": 1234567,
        "dataset": "../dataset",
        "dataset_sha256": "ab" * 32,
        "simulated": True,
        "split_by": "subject",
        "training_subjects": ("S01", "S02"),
        "validation_subjects": ("S03",),
        "training_means": {"valence": 0.125},
        "n_clips": 40,
        "n_steps": 100,
        "n_epochs": 10,
        "kept_epoch": 7,
        "validation_score": 0.4321,
        "seconds": 12.0,
        "device": "cpu",
        "precision": "fp32",
        "software": {"torch": "2.13.0"},
        "created_utc": "2026-01-01T00:00:00+00:00",
    }
    return RunRecord.model_validate(fields | changes)


def test_a_card_names_what_it_is_whom_it_learned_from_and_its_limits() -> None:
    text = as_markdown("Card", card_sections(record_of(), None))
    for wanted in (
        "mran, small size, 1,234,567 parameters", "color, depth, thermal", "2 subjects (S01, S02)", "S03",
        "0.432",
        "epoch 7 kept", "It was not evaluated", "simulated", "not for decisions", "2 subjects only",
        "mavfer predict RUN", "color from the session's mean face",
    ):  # fmt: skip
        assert wanted in text


def test_a_card_says_simulated_only_of_runs_that_are() -> None:
    text = as_markdown("Card", card_sections(record_of(simulated=False), None))
    assert "simulated" not in text.lower()


def test_a_card_names_who_was_seen_before_and_which_weights_it_began_with() -> None:
    record = record_of(pretrained_subjects=("P1", "P2"), started_from="vgg_face.pt (sha256 00ff)")
    text = as_markdown("Card", card_sections(record, None))
    assert "seen before, by its weights or features: 2 subjects (P1, P2)" in text
    assert "started from: vgg_face.pt" in text


@pytest.fixture
def cnn(make_dataset: Callable[..., Path], tmp_path: Path) -> Path:
    test = dict.fromkeys(("S04", "S05", "S06", "S07", "S08"), "test")
    data = make_dataset(
        tmp_path / "dataset", splits={"S01": "train", "S03": "validation", **test}, size_px=48, n_frames=24
    )
    return write_untrained_run(tmp_path / "run", data, model="cnn", set={"width": 0.0625, "n_frames": 8})


def test_a_card_written_again_after_an_evaluation_has_its_scores(cnn: Path) -> None:
    before = write_card(cnn).read_text(encoding="utf-8")
    assert "It was not evaluated" in before
    found = evaluate(cnn)
    after = write_card(cnn).read_text(encoding="utf-8")
    assert "not evaluated" not in after
    low, high = found.intervals["valence"]["ccc"]
    assert f"{found.scores['valence']['ccc']:.3f} [{low:.3f}, {high:.3f}]" in after
    assert "valence, constant" in after
    assert "frames of 5 simulated test subjects whom it never saw" in after
    page = (cnn / "model-card.html").read_text(encoding="utf-8")
    assert f"{found.scores['valence']['ccc']:.3f}" in page


def test_a_folder_that_is_no_run_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"wanted a run folder"):
        write_card(tmp_path)


def test_a_card_of_a_run_that_is_only_pre_trained_promises_no_scores() -> None:
    text = as_markdown("Card", card_sections(record_of(loss="masked"), None))
    assert "nothing yet: it is pre-trained without labels" in text
    assert "mavfer train DATASET --weights RUN" in text
    assert "mavfer evaluate" not in text
    assert "mavfer predict" not in text
    assert "predicts what raters said" not in text
    assert "validation, mean CCC" not in text


def test_brackets_are_explained_where_there_are_some(cnn: Path) -> None:
    evaluate(cnn, postprocess_on="none")
    text = (cnn / "model-card.md").read_text(encoding="utf-8")
    assert "those of RMSE are narrow" in text
    assert "those of RMSE" not in as_markdown("Card", card_sections(record_of(), None))


def test_a_card_with_scores_of_validation_subjects_says_that_they_chose_the_epoch(cnn: Path) -> None:
    evaluate(cnn, split="validation", postprocess_on="none")
    text = (cnn / "model-card.md").read_text(encoding="utf-8")
    assert "1 simulated validation subject by whom its epoch was chosen" in text
