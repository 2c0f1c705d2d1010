"""What networks know of a subject: named where it cannot be taken back, computed anew where it can."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.model.card import write_card
from mavfer.model.checkpoint import RunRecord, path_from, read_run_record, sha256_of_dataset, write_run
from mavfer.model.evaluation.evaluate import evaluate
from mavfer.model.evaluation.evaluation_file import read_evaluation
from mavfer.model.evaluation.metrics import scores
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.model.use.export import export_model
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file
from mavfer.preprocess.dataset.record import SplitScheme, read_record, write_record
from mavfer.privacy.forget import Wishes, forget, plan_to_forget

Left = Callable[..., list[Path]]
TINY = {"size_px": 16, "patch_px": 4, "n_values": 32, "n_blocks": 1, "n_heads": 2, "n_frames": 4}


def write_fresh_run(path: Path, dataset: Path, *, seed: int = 0) -> Path:
    """Write a run of a tiny network with weights as drawn, which says that it learned from the split."""
    wanted = {"model": "transformer", "modalities": ("color", "thermal"), "set": TINY, "threads": 1}
    asked = TrainConfig.model_validate({"size": "small", **wanted})
    data, recipe = open_dataset(dataset), recipe_of(asked)
    torch.manual_seed(seed)
    network = new_network(recipe.model, recipe.options)
    record = RunRecord(
        model=asked.model,
        options=recipe.options.model_dump(mode="json", exclude_none=True),
        inputs=recipe.inputs,
        dimensions=asked.dimensions,
        config=asked,
        loss=recipe.loss,
        n_parameters=sum(one.numel() for one in network.parameters()),
        dataset=path_from(path, dataset),
        dataset_sha256=sha256_of_dataset(data),
        simulated=True,
        split_by=data.split_by,
        training_subjects=tuple(sorted({one.subject for one in data.split("train")})),
        validation_subjects=(),
        training_means=dict.fromkeys(asked.dimensions, 0.0),
        n_clips=1,
        n_steps=0,
        n_epochs=0,
        kept_epoch=0,
        seconds=0.0,
        device="cpu",
        precision="fp32",
        software={},
        created_utc="2026-01-01T00:00:00+00:00",
    )
    path.mkdir(parents=True)
    write_run(path, record=record, state=network.state_dict(), history=[{"epoch": 1.0}])
    return path


def split(dataset: Path, **subjects: str) -> None:
    record = read_record(dataset)
    scheme = SplitScheme.model_validate({"by": "subject", "subjects": subjects})
    write_record(dataset, record.model_copy(update={"splits": (scheme,)}), overwrite=True)


@pytest.fixture
def lab(tmp_path: Path, dataset: Path) -> Path:
    """Return a lab with a dataset and two runs: one has learned from kestrel1, one is tested on them."""
    split(dataset, kestrel1="train", heron2="train", kestrel10="test")
    learned = write_fresh_run(tmp_path / "lab" / "runs" / "learned", dataset)
    evaluate(learned, postprocess_on="none", device="cpu")
    split(dataset, heron2="train", kestrel1="test", kestrel10="test")
    tested = write_fresh_run(tmp_path / "lab" / "runs" / "tested", dataset, seed=1)
    evaluate(tested, postprocess_on="none", device="cpu")
    return tmp_path / "lab"


def test_a_network_that_learned_from_the_subject_is_named_and_scores_are_pooled_anew(lab: Path, left: Left):
    learned, tested = lab / "runs" / "learned", lab / "runs" / "tested"
    before = read_evaluation(tested)
    alone = next(one for one in before.sessions if one.subject == "kestrel10")
    report = forget(plan_to_forget("kestrel1", [lab], Wishes()))
    assert left(lab) == []
    assert read_run_record(learned).training_subjects == ("heron2", "forgotten-1")
    assert [stay.path for stay in report.stays if "cannot unlearn" in stay.why] == [str(learned)]
    after = read_evaluation(tested)
    assert [one.subject for one in after.sessions] == ["kestrel10"]
    assert after.n_frames == before.n_frames // 2
    for name in after.dimensions:
        known = np.isfinite(alone.truth[name]) & np.isfinite(alone.predicted[name])
        expected = scores(alone.truth[name][known], alone.predicted[name][known])
        assert after.scores[name] == pytest.approx(expected)
        assert after.scores[name] != pytest.approx(before.scores[name])
    assert "kestrel10" in (tested / "evaluation.json").read_text()
    assert (tested / "model-card.md").is_file()
    assert "forgotten-1" in (learned / "model-card.md").read_text()
    evaluate(tested, postprocess_on="none", device="cpu")  # the dataset and its split still serve the run
    again = read_evaluation(tested).scores
    assert all(again[name] == pytest.approx(found, abs=1e-5) for name, found in after.scores.items())
    write_card(learned)


def test_a_run_goes_whole_when_it_is_asked_for(lab: Path):
    forget(plan_to_forget("kestrel1", [lab], Wishes(runs_too=True)))
    assert not (lab / "runs" / "learned").exists()
    assert read_run_record(lab / "runs" / "tested").training_subjects == ("heron2",)


def test_networks_exported_from_a_run_that_learned_from_the_subject_are_found_by_its_weights(
    lab: Path, left: Left
):
    exported, others = lab / "used" / "a network", lab / "used" / "others.pt2"
    export_model(lab / "runs" / "learned", format="torch", out=exported)
    own = sha256_of_file(lab / "runs" / "learned" / "model.pt").encode()
    others.write_bytes(exported.read_bytes().replace(own, b"0" * 64))
    report = plan_to_forget("kestrel1", [lab], Wishes()).report()
    assert [stay.path for stay in report.stays if "exported from a run" in stay.why] == [str(exported)]
    report = forget(plan_to_forget("kestrel1", [lab], Wishes(runs_too=True)))
    assert left(lab) == []
    assert not [stay for stay in report.stays if "exported from a run" in stay.why]
    assert list((lab / "used").iterdir()) == [others]


def test_what_shows_the_subject_goes_and_what_lists_them_is_masked(dataset: Path, tmp_path: Path, left: Left):
    lab = tmp_path / "lab"
    for name, subject in (("mine", "kestrel1"), ("other", "kestrel10")):
        explained, predicted = lab / f"explained-{name}", lab / f"predicted-{name}"
        explained.mkdir()
        predicted.mkdir()
        figures = {"subjects": {"valence": [{"name": subject}]}, "worst": [{"session": f"{subject}-a"}]}
        (explained / "explain.json").write_text(json.dumps(figures))
        (explained / f"worst-1-{subject}-a.png").write_bytes(b"\x89PNG\x00")
        (predicted / "prediction.toml").write_text(f'subject = "{subject}"\nrecording = "{subject}-a"\n')
    groups = {"groups": [{"value": "female", "subjects": ["kestrel1", "heron2"]}], "unknown": ["kestrel10"]}
    (lab / "evaluation-groups.json").write_text(json.dumps(groups))
    features = lab / "features"
    features.mkdir()
    (features / "features.toml").write_text(
        'made_by = "x"\nsubjects_seen = ["kestrel1", "kestrel10"]\nn_values = 2\n'
    )
    for name in ("kestrel1-a", "kestrel10-a"):
        np.save(features / f"{name}.npy", np.zeros((4, 2), np.float32))
    forget(plan_to_forget("kestrel1", [lab], Wishes()))
    assert left(lab) == []
    assert not (lab / "explained-mine").exists()
    assert not (lab / "predicted-mine").exists()
    assert not (lab / "evaluation-groups.json").exists()
    assert (lab / "explained-other" / "worst-1-kestrel10-a.png").exists()
    assert (lab / "predicted-other" / "prediction.toml").exists()
    assert 'subjects_seen = ["forgotten-1", "kestrel10"]' in (features / "features.toml").read_text()
    assert [path.name for path in features.glob("*.npy")] == ["kestrel10-a.npy"]
    assert dataset.is_dir()


def test_exported_frames_and_shards_lose_the_subject(dataset: Path, tmp_path: Path, left: Left):
    import tarfile

    from mavfer.preprocess.exchange.frames import export_frames
    from mavfer.preprocess.exchange.webdataset import export_webdataset

    data = open_dataset(dataset)
    export_frames(data, out=tmp_path / "lab" / "frames")
    export_webdataset(data, out=tmp_path / "lab" / "shards", length=8)
    forget(plan_to_forget("kestrel1", [tmp_path / "lab"], Wishes()))
    assert left(tmp_path / "lab") == []
    table = (tmp_path / "lab" / "frames" / "frames.csv").read_text().splitlines()
    assert len(table) == 1 + 2 * 32
    assert (tmp_path / "lab" / "frames" / "kestrel10-a" / "color").is_dir()
    index = json.loads((tmp_path / "lab" / "shards" / "clips.json").read_text())
    assert sum(shard["clips"] for shard in index["shards"]) == 4 + 7
    with tarfile.open(tmp_path / "lab" / "shards" / index["shards"][0]["name"]) as tar:
        assert len({member.name.split(".")[0] for member in tar}) == 4
