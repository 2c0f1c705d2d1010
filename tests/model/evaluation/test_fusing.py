from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tomlkit
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.errors import DatasetError, ModelError
from mavfer.model.data.features import FeatureRecord, write_features
from mavfer.model.evaluation.evaluation_file import read_evaluation
from mavfer.model.evaluation.fusing import fit_fusion, fuse_runs
from mavfer.model.evaluation.metrics import ccc
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train
from mavfer.preprocess.dataset.clips import open_dataset

from .conftest import TINY


def voices(n_frames: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return two predictors, each with half of the truth and noise of its own, and the truth."""
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal(size=(3, n_frames))
    return np.stack([a + 0.3 * noise, b]), a + b


def test_equal_weights_are_the_mean_and_sum_to_one() -> None:
    predicted, truth = voices()
    mean = fit_fusion(predicted, truth, by="mean")
    np.testing.assert_allclose(mean.applied(predicted), predicted.mean(0))
    by_ccc = fit_fusion(predicted, truth, by="ccc")
    assert sum(by_ccc.weights) == pytest.approx(1)


def test_a_run_that_agrees_with_nothing_gets_no_weight_by_ccc() -> None:
    _, truth = voices()
    predicted = np.stack([truth, -truth])
    assert fit_fusion(predicted, truth, by="ccc").weights == (1.0, 0.0)
    backwards = np.stack([-truth, -truth])
    assert fit_fusion(backwards, truth, by="ccc").weights == (0.5, 0.5)


def test_a_ridge_finds_what_each_run_knows_and_its_bias() -> None:
    predicted, truth = voices()
    fusion = fit_fusion(predicted, truth + 3, by="ridge")
    assert fusion.bias == pytest.approx(3, abs=0.1)
    fused = fusion.applied(predicted)
    assert ccc(fused, truth + 3) > max(ccc(one + 3, truth + 3) for one in predicted) + 0.2


def test_frames_that_are_not_known_are_left_out() -> None:
    predicted, truth = voices()
    for by in ("ccc", "ridge"):
        wanted = fit_fusion(predicted[:, :300], truth[:300], by=by)
        broken, labels = predicted.copy(), truth.copy()
        broken[0, 300:350], labels[350:] = np.nan, np.nan
        assert fit_fusion(broken, labels, by=by) == wanted
    assert fit_fusion(predicted, np.full(400, np.nan), by="ridge").weights == (0.5, 0.5)


@pytest.fixture
def runs(make_dataset: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path]:
    """Return two runs on feature sets of which one knows valence and the other arousal."""
    splits = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
    path = make_dataset(tmp_path / "dataset", splits=splits, n_frames=64)
    rng = np.random.default_rng(0)
    for name in ("valence", "arousal"):
        (tmp_path / name).mkdir()
        known = {
            one.session_id: np.stack([one.read(name), *rng.normal(size=(2, 64))], axis=1)
            for one in open_dataset(path).sessions
        }
        write_features(tmp_path / name, FeatureRecord(made_by="tests", n_values=3), known)
        config = TrainConfig(
            model="muse", features={name: str(tmp_path / name)}, n_frames=16, steps=40, batch=4, lr=1e-2,
            loss="mse", set={"hidden": 8, "n_layers": 1, "dropout": 0.0}, threads=1, device="cpu",
        )  # fmt: skip
        train(path, config=config, out=tmp_path / f"run-{name}")
    return tmp_path / "run-valence", tmp_path / "run-arousal"


def test_fused_runs_know_what_each_of_them_knows(runs: tuple[Path, Path], tmp_path: Path) -> None:
    found = fuse_runs(runs, out=tmp_path / "fused")
    again = read_evaluation(tmp_path / "fused")
    assert again.scores["valence"]["ccc"] == pytest.approx(found.scores["valence"]["ccc"], abs=1e-4)
    assert found.simulated
    assert {one.subject for one in found.sessions} == {"S04"}
    table = tomlkit.parse((tmp_path / "fused" / "fusion.toml").read_text()).unwrap()
    assert table["fitted_on"] == ["S03"]
    assert table["weights"]["valence"][0] > 0.7
    assert table["weights"]["arousal"][1] > 0.7
    for number, name in enumerate(("valence", "arousal")):
        alone = fuse_runs([runs[number], runs[number]], out=tmp_path / f"alone-{name}", by="mean")
        assert found.scores[name]["ccc"] > alone.scores[name]["ccc"] - 0.1

    with pytest.raises(ModelError, match="two runs or more"):
        fuse_runs(runs[:1], out=tmp_path / "other")
    record = runs[1] / "run.toml"
    record.write_text(record.read_text().replace('split = "default"', 'split = "another"'))
    with pytest.raises(
        ModelError, match="wanted split 'default' as in run-valence, found 'another'"
    ) as caught:
        fuse_runs(runs, out=tmp_path / "other")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "other").exists()


def test_without_validation_subjects_only_the_mean_is_left(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_dataset(tmp_path / "dataset", splits={"S01": "train", "S02": "test"}, n_frames=16)
    (tmp_path / "f").mkdir()
    known = {one.session_id: one.read("valence")[:, None] for one in open_dataset(path).sessions}
    write_features(tmp_path / "f", FeatureRecord(made_by="tests", n_values=1), known)
    config = TrainConfig(
        model="muse", features={"f": str(tmp_path / "f")}, n_frames=8, steps=2, batch=2, loss="mse",
        set={"hidden": 4, "n_layers": 1}, threads=1, device="cpu",
    )  # fmt: skip
    train(path, config=config, out=tmp_path / "run")
    with pytest.raises(DatasetError, match="fuse by mean"):
        fuse_runs([tmp_path / "run"] * 2, out=tmp_path / "fused")
    assert fuse_runs([tmp_path / "run"] * 2, out=tmp_path / "fused", by="mean").scores


def test_a_session_in_which_a_run_has_no_clip_is_in_no_fused_score(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    def broken(subject: str, columns: dict[str, np.ndarray]) -> None:
        if subject == "S04":
            columns["valid_color"][6::8] = False  # longest stretch: seven frames

    splits = {"S01": "train", "S03": "validation", "S04": "test", "S05": "test"}
    path = make_dataset(tmp_path / "dataset", splits=splits, n_frames=24, change=broken)
    short = make_run(tmp_path / "short", path, modalities=("color",))
    long = make_run(tmp_path / "long", path, modalities=("color",), set=TINY | {"n_frames": 8})
    found = fuse_runs([short, long], out=tmp_path / "fused", by="mean")
    assert [set(one.scores) for one in found.sessions] == [set(), {"valence", "arousal"}]
    assert found.scores["valence"] == pytest.approx(found.sessions[1].scores["valence"])


def test_fused_predictions_are_no_run_and_say_so_in_one_line(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    splits = {"S01": "train", "S03": "validation", "S04": "test"}
    path = make_dataset(tmp_path / "dataset", splits=splits, n_frames=16)
    run = make_run(tmp_path / "runs" / "one", path, modalities=("color",))
    fuse_runs([run, run], out=tmp_path / "runs" / "fused", by="mean")
    for words in (
        ["evaluate", "FUSED"],
        ["explain", "FUSED", "--out", str(tmp_path / "page")],
        ["model-card", "FUSED"],
        ["predict", "FUSED", str(path), "--out", str(tmp_path / "seen")],
        ["export-model", "FUSED", "--out", str(tmp_path / "net.onnx")],
    ):
        named = [str(tmp_path / "runs" / "fused") if word == "FUSED" else word for word in words]
        done = CliRunner().invoke(command_line(), named)
        assert isinstance(done.exception, ModelError), words
        assert "found fused predictions, which have none" in str(done.exception)
        assert "\n" not in str(done.exception)
    whole = CliRunner().invoke(command_line(), ["evaluate", str(tmp_path / "runs")])
    assert whole.exit_code == 0, whole.output  # of the folder, what has a network
