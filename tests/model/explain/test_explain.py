import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.errors import DatasetError, ModelError, OutputError
from mavfer.model.commands.explain import explain
from mavfer.model.commands.model_card import model_card
from mavfer.model.data.features import FeatureRecord, write_features
from mavfer.model.data.source import ClipIndex
from mavfer.model.explain.explain import CLASSES, find_out, spread
from mavfer.model.explain.regions import REGIONS
from mavfer.model.explain.written import figures_of, write_explanation
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train
from mavfer.preprocess.dataset.clips import open_dataset

WIDE = {"COLUMNS": "200"}


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("explain")(explain)
    app.command("model-card")(model_card)
    return app


def test_the_command_writes_a_page_a_film_pictures_and_figures(
    app: typer.Typer, mran_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "explained"
    arguments = ["explain", str(mran_run), "--out", str(out), "--clips", "2", "--worst", "2", "--film-s", "2"]
    told = CliRunner().invoke(app, arguments, env=WIDE)
    assert told.exit_code == 0, told.output
    assert "mran (simulated): wrote the explanation" in told.stdout
    assert {path.suffix for path in out.iterdir()} == {".html", ".json", ".mp4", ".png"}
    page = (out / "index.html").read_text(encoding="utf-8")
    for wanted in (
        "simulated", "Where it looks", "Does it look where the pixels follow the label?", "Parts of the face",
        "Does it go by what it looks at?",
        "shifted at random", "nearly even", "Can it be taken at its word?", "Subjects", "S04",
        "Groups are not known",
        "Worst clips", ".mp4",
    ):  # fmt: skip
        assert wanted in page
    assert 'src="http' not in page
    assert str(tmp_path) not in page
    figures = json.loads((out / "explain.json").read_text(encoding="utf-8"))
    assert figures["looks_by"] == "attention"
    assert set(figures["regions"]) == set(REGIONS)
    assert set(figures["pixels_that_tell"]) == {"valence", "arousal"}
    assert set(figures["pixels_that_tell"]["valence"]) == {"color", "depth", "thermal"}
    assert len(figures["subjects"]["valence"]) == 5


def test_with_json_the_figures_are_on_stdout_and_nothing_else(
    app: typer.Typer, cnn_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "explained"
    words = ["explain", str(cnn_run), "--out", str(out), "--clips", "1", "--worst", "1", "--films", "0"]
    done = CliRunner().invoke(app, [*words, "--device", "cpu", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    figures = json.loads((out / "explain.json").read_text(encoding="utf-8"))
    assert told["page"] == str(out / "index.html")
    assert (told["run"], told["looks_by"]) == (str(cnn_run), "gradient")
    assert set(told) == set(figures) | {"page", "run"}
    for mine, written in zip(told["subjects"]["valence"], figures["subjects"]["valence"], strict=True):
        assert mine["name"] == written["name"]
        assert mine["rmse"]["value"] == pytest.approx(written["rmse"]["value"], abs=1e-6)


def test_a_device_that_is_not_there_is_misuse_and_nothing_is_written(cnn_run: Path, tmp_path: Path) -> None:
    words = ["explain", str(cnn_run), "--out", str(tmp_path / "out"), "--device", "cuda:7"]
    refused = CliRunner().invoke(command_line(), words, env=WIDE)
    assert refused.exit_code == 2
    (line,) = [line for line in refused.stderr.splitlines() if "--device" in line]
    assert "'cuda:7' is not one of 'auto', 'cpu'" in line
    assert list(tmp_path.iterdir()) == []


def test_an_explanation_is_not_replaced_unless_asked(mran_run: Path, tmp_path: Path) -> None:
    found = find_out(mran_run, n_deleted=1, n_worst=1, device="cpu")
    assert {one.device.type for one in found.run.network.parameters()} == {"cpu"}
    write_explanation(tmp_path / "out", found, n_films=0)
    with pytest.raises(OutputError, match="--overwrite"):
        write_explanation(tmp_path / "out", found, n_films=0)
    write_explanation(tmp_path / "out", found, n_films=0, overwrite=True)
    assert not list((tmp_path / "out").glob("*.mp4"))


def test_a_network_without_attention_is_looked_into_by_its_gradient(cnn_run: Path) -> None:
    found = find_out(cnn_run, n_deleted=1, n_worst=1)
    assert found.looking is not None
    assert found.looking.how == "gradient"
    assert figures_of(found)["looks_by"] == "gradient"


def test_groups_are_scored_where_subjects_are_known(
    faces: Path, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", faces, model="cnn", set={"width": 0.0625, "n_frames": 8})
    table = faces / "subjects.csv"
    rows = [
        "subject,sex,skin tone",
        "S04,female,II",
        "S05,female,V",
        "s06,male,V",
        "S07,male,",
        "S08,male,II",
    ]
    table.write_text("\n".join(rows), encoding="utf-8")
    try:
        found = find_out(run, n_deleted=1, n_worst=1)
        write_explanation(tmp_path / "out", found, n_films=0)
    finally:
        table.unlink()
    by_sex = found.groups["sex"]["valence"]
    assert [(one.name, one.n_subjects) for one in by_sex] == [("female", 2), ("male", 3)]
    assert [one.name for one in found.groups["skin tone"]["arousal"]] == ["II", "V", "unknown"]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "valence by skin tone" in page
    assert "Small groups" in page


def test_a_network_of_classes_is_explained_by_its_probabilities(
    faces: Path, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    settings = {"model": "uran", "classes": "quadrants", "set": {"width": 0.0625, "n_frames": 8}}
    run = make_run(tmp_path / "run", faces, **settings)
    found = find_out(run, n_deleted=1, n_worst=2)
    assert set(found.reliability) == {CLASSES}
    assert 0 <= found.reliability[CLASSES].error <= 1
    page = write_explanation(tmp_path / "out", found).read_text(encoding="utf-8")
    assert "clips told right" in page
    assert "Clips told right, by subject" in page
    assert [one.name for one in found.told_right["subject"]] == ["S04", "S05", "S06", "S07", "S08"]
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 1


def test_subjects_that_the_run_has_seen_are_refused(
    faces: Path, make_run: Callable[..., Path], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", faces, model="cnn", set={"width": 0.0625, "n_frames": 8})
    other = make_dataset(tmp_path / "other", splits={"S01": "test", "S09": "train"}, size_px=48)
    with pytest.raises(ModelError, match="it was trained on S01"):
        find_out(run, dataset=other)


def test_faces_without_labels_are_refused_in_one_line(
    faces: Path, make_run: Callable[..., Path], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def unlabelled(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["arousal"][:] = np.nan

    run = make_run(tmp_path / "run", faces, model="cnn", set={"width": 0.0625, "n_frames": 8})
    other = make_dataset(
        tmp_path / "other", splits={"S10": "test", "S09": "train"}, size_px=48, change=unlabelled
    )
    with pytest.raises(DatasetError, match="wanted arousal labels in the test split, found none"):
        find_out(run, dataset=other)


def test_faces_without_landmarks_are_explained_without_their_parts(
    faces: Path, make_run: Callable[..., Path], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", faces, model="mran", set={"width": 0.0625, "n_frames": 8})
    other = make_dataset(tmp_path / "other", splits={"S10": "test", "S09": "train"}, size_px=48)
    found = find_out(run, dataset=other, n_deleted=1, n_worst=1)
    page = write_explanation(tmp_path / "out", found, n_films=0).read_text(encoding="utf-8")
    assert "No landmarks" in page
    assert "regions" not in figures_of(found)
    assert "Few subjects" in page


def test_clips_are_spread_evenly_over_the_sessions() -> None:
    clips = [ClipIndex(number, 8 * i) for number in range(3) for i in range(20)]
    found = spread(clips, 9)
    assert [sum(clip.session == number for clip in found) for number in range(3)] == [3, 3, 3]
    starts = [clip.start for clip in found if clip.session == 0]
    assert min(starts) > 16
    assert max(starts) < 136
    assert min(np.diff(starts)) >= 32
    assert len(spread(clips[:2], 9)) == 2


def test_the_card_command_says_where_it_wrote(app: typer.Typer, cnn_run: Path) -> None:
    told = CliRunner().invoke(app, ["model-card", str(cnn_run)], env=WIDE)
    assert told.exit_code == 0, told.output
    assert "model-card.md" in told.stdout
    assert (cnn_run / "model-card.md").is_file()


def test_a_network_of_features_is_explained_by_its_errors_alone(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    known = {one.session_id: one.read("valence")[:, None] for one in open_dataset(faces).sessions}
    write_features(tmp_path / "f", FeatureRecord(made_by="tests", n_values=1), known)
    config = TrainConfig(
        model="muse", features={"f": str(tmp_path / "f")}, n_frames=8, steps=2, batch=2, loss="mse",
        set={"hidden": 4, "n_layers": 1}, threads=1, device="cpu",
    )  # fmt: skip
    train(faces, config=config, out=tmp_path / "run")
    found = find_out(tmp_path / "run", n_worst=2)
    assert found.looking is None
    page = write_explanation(tmp_path / "out", found).read_text(encoding="utf-8")
    assert "Where it looks" not in page
    assert "Can it be taken at its word?" in page
    assert "Worst clips" in page
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "explain.json"}
    assert "deletion" not in figures_of(found)
