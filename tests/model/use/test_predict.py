"""`predict` of recordings: the table, the film, and what is refused."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.config import read_toml
from mavfer.errors import CalibrationError, DatasetError, ModelError, OutputError, SessionError, UsageError
from mavfer.model.checkpoint import open_run
from mavfer.model.data.source import ClipSource
from mavfer.model.evaluation.predicting import predict_clips
from mavfer.model.use.frames_file import PredictionRecord
from mavfer.model.use.predict import predict
from mavfer.model.use.recording import clip_config_of
from mavfer.model.use.scores import score_rows
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import ClipConfig

MakeRun = Callable[..., Path]
WITHOUT_BUILD = """
import sys
sys.modules["dlib"] = None
from mavfer.__main__ import run
print(run(sys.argv[1:]), "torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def mran(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "mran", dataset=folder / "gone", model="mran", n_frames=4)


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "cnn", dataset=folder / "gone", model="cnn", n_frames=4, dimensions=["valence"])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, mran: Path, session: Path, calibration_file: Path) -> Path:
    out = tmp_path_factory.mktemp("out") / "seen"
    predict(mran, session, out=out, calibration=calibration_file, clip_fps=4.0)
    return out


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_session_gives_a_row_every_quarter_second_each_with_a_score_from_clips(seen: Path) -> None:
    rows = table(seen)
    assert [float(row["time_s"]) for row in rows] == pytest.approx(np.arange(len(rows)) / 4, abs=0.06)
    assert len(rows) == 13
    assert all(-1 <= float(row[name]) <= 1 for row in rows for name in ("valence", "arousal"))
    assert {row["score_from"] for row in rows} == {"clips"}
    assert {row["face"] for row in rows} <= {"region", "full"}
    assert {row["why_not"] for row in rows} == {""}


def test_the_record_says_that_all_of_it_is_simulated_and_the_subject_was_trained_on(seen: Path) -> None:
    record = read_toml(seen / "prediction.toml", PredictionRecord)
    assert record.simulated
    assert record.trained_on
    assert record.cut_assumed
    assert (record.model, record.subject, record.covered_share) == ("mran", "S01", 1.0)


def test_the_film_shows_every_color_picture_at_its_own_time(seen: Path) -> None:
    import av

    with av.open(str(seen / "overlay.mp4")) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        times = [frame.time for frame in film.decode(video=0)]
    assert times == pytest.approx(np.arange(32) / 10, abs=0.02)


def test_what_stands_there_is_not_replaced_unless_asked(
    seen: Path, mran: Path, session: Path, calibration_file: Path
) -> None:
    with pytest.raises(OutputError, match="would replace"):
        predict(mran, session, out=seen, calibration=calibration_file, clip_fps=4.0)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, session: Path) -> Path:
    """The color of the session as a film of 5 frames a second, half as large."""
    import av
    import cv2

    from mavfer.capture.session import open_session
    from mavfer.capture.streams import Stream

    path = tmp_path_factory.mktemp("video") / "my film.mp4"
    recorded = open_session(session)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 540, 960, "yuv420p", 8_000_000
        for i in range(0, len(recorded.index(Stream.COLOR)), 2):
            picture = cv2.resize(recorded.frame(Stream.COLOR, i).pixels, (960, 540))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_a_video_file_is_seen_by_a_network_of_color_alone(cnn: Path, video: Path, tmp_path: Path) -> None:
    found = predict(cnn, video, out=tmp_path / "seen", clip_fps=4.0, film=False)
    assert found.record.subject == "video"
    assert not found.record.trained_on
    assert found.scores.names == ("valence",)
    assert np.isfinite(found.scores.scores).all()
    assert not (tmp_path / "seen" / "overlay.mp4").exists()


def test_with_json_the_command_tells_where_the_scores_lie_and_how_they_spread(
    cnn: Path, video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "seen"
    words = ["predict", cnn, video, "--out", out, "--clip-fps", 4, "--no-film", "--device", "cpu", "--json"]
    done = CliRunner().invoke(command_line(), [str(word) for word in words])
    assert done.exit_code == 0, done.output
    told, rows = json.loads(done.stdout), table(out)
    assert (told["run"], told["frames"], told["film"]) == (str(cnn), str(out / "frames.csv"), None)
    assert (told["n_rows"], told["subject"], told["cut_assumed"]) == (len(rows), "video", True)
    values = [float(row["valence"]) for row in rows]
    wanted = {"mean": np.mean(values), "min": min(values), "max": max(values)}
    assert told["scores"] == {"valence": pytest.approx(wanted, abs=1e-5)}
    assert "had to be assumed" in done.stderr


def test_a_video_file_is_refused_by_a_network_of_more_than_color(
    mran: Path, video: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="mran sees color, depth, thermal, the recording has color"):
        predict(mran, video, out=tmp_path / "seen", clip_fps=4.0)
    assert list(tmp_path.iterdir()) == []


def test_a_session_of_several_streams_wants_its_calibration(
    mran: Path, session: Path, tmp_path: Path
) -> None:
    with pytest.raises(CalibrationError, match="pass --calibration FILE"):
        predict(mran, session, out=tmp_path / "seen", clip_fps=4.0)


def test_nothing_at_the_place_of_a_recording_is_one_clear_line(cnn: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="wanted a session folder or a video file, found nothing"):
        predict(cnn, tmp_path / "none", out=tmp_path / "seen", clip_fps=4.0)


@pytest.mark.parametrize("words", ["film.mp4 --out seen", "--live --rig rig.toml"])
def test_the_extra_that_finds_faces_is_asked_for_before_anything_is_read(words: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_BUILD, "predict", "nowhere", *words.split()],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert ran.stdout == "1 False\n"
    assert ran.stderr == "error: wanted the package 'dlib', found none; run `pip install 'mavfer[build]'`\n"


def test_a_run_whose_dataset_has_gone_asks_for_it(cnn: Path, video: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pass --dataset FOLDER, or --clip-fps"):
        predict(cnn, video, out=tmp_path / "seen")


def test_faces_are_cut_as_the_dataset_says(make_run: MakeRun, dataset: Path, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", dataset=dataset, model="cnn"))
    config, assumed = clip_config_of(run)
    assert config == open_dataset(dataset).record.config
    assert not assumed


def test_a_run_that_says_how_its_faces_were_cut_needs_no_dataset(make_run: MakeRun, tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path / "run", dataset=tmp_path / "gone", model="cnn"))
    said = ClipConfig(fps=8.0, size_px=48, margin=0.1)
    run = replace(run, record=run.record.model_copy(update={"clip_config": said}))
    assert clip_config_of(run) == (said, False)
    assert clip_config_of(run, fps=5.0)[0].fps == 5.0


def test_a_recording_shorter_than_a_clip_says_how_long_it_must_be(
    make_run: MakeRun, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_dataset(tmp_path / "dataset", splits={"S01": "test"}, n_frames=9, size_px=48)
    run = open_run(make_run(tmp_path / "run", dataset=data, model="cnn", n_frames=16))
    with pytest.raises(DatasetError, match=r"a stretch of 16 rows \(4 s\) .* found a longest of 9 in 9 rows"):
        score_rows(run, open_dataset(data).sessions[0])


def test_scores_are_those_of_the_network_averaged_over_clips_and_gaps_are_said(
    make_run: MakeRun, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def change(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["valid_color"][10:13] = False
        columns["reason_color"][10:13] = 2  # no face

    data = make_dataset(tmp_path / "dataset", splits={"S01": "test"}, n_frames=24, size_px=48, change=change)
    run = open_run(make_run(tmp_path / "run", dataset=data, model="cnn", n_frames=4))
    session = open_dataset(data).sessions[0]
    scores = score_rows(run, session)
    assert [i for i, told in enumerate(scores.told_from) if told == "neighbours"] == [10, 11, 12]
    source = ClipSource([session], options=run.record.inputs, dimensions=())
    clips = source.test_clips()
    (wanted,) = source.frame_predictions(clips, predict_clips(run.network, source, clips, batch=1))
    np.testing.assert_allclose(scores.scores, wanted, atol=1e-6)
    between = np.interp(np.arange(10, 13), [9, 13], scores.scores[[9, 13], 0])
    np.testing.assert_allclose(scores.scores[10:13, 0], between, atol=1e-9)


def test_a_network_of_classes_gives_probabilities_that_sum_to_one(
    make_run: MakeRun, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_dataset(tmp_path / "dataset", splits={"S01": "test"}, n_frames=12, size_px=48)
    run = make_run(tmp_path / "run", dataset=data, model="cnn", n_frames=4, n_classes=3, classes="mood")
    scores = score_rows(open_run(run), open_dataset(data).sessions[0])
    assert scores.names == ("class0", "class1", "class2")
    np.testing.assert_allclose(scores.scores.sum(1), 1, atol=1e-6)
