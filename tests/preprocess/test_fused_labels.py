"""Labels from gold standards: read between their values, their gaps respected, their making remarked."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.annotate.fusion.fusing import fuse_all
from mavfer.annotate.fusion.gold import fuse
from mavfer.annotate.fusion.gold_file import GoldFile, gold_file, write_gold
from mavfer.annotate.fusion.recipe import Lag, Method, Recipe
from mavfer.annotate.fusion.traces_given import frame_times, times_at, traces_given
from mavfer.annotate.trace import Trace, write_trace
from mavfer.capture.session import RECORD_NAME, open_session, read_record
from mavfer.capture.synchronize import synchronize
from mavfer.capture.video import import_video
from mavfer.errors import ConfigError, TraceError
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import ClipConfig
from mavfer.preprocess.labels.fused import labels_from, read_gold_standards, sha256_of_gold
from mavfer.preprocess.labels.gold import labels_at

GRID_S = np.arange(0, 20, 0.1)
FRAMES_S = np.arange(0, 19, 0.24)


@pytest.fixture(scope="module")
def video_session(
    tmp_path_factory: pytest.TempPathFactory, color_frames: NDArray, write_video: Callable[..., Path]
) -> Path:
    """Two seconds of color."""
    folder = tmp_path_factory.mktemp("video")
    video = write_video(folder / "v.mp4", [frame[::2, ::2] for frame in color_frames])
    return import_video(video, out=folder / "v", subject="S01")


def ramp(
    rater: str, slope: float, *, dimension: str = "valence", session: str = "s", until_s: float = 20.0
) -> Trace:
    time_s = GRID_S[until_s > GRID_S]
    return Trace(session, rater, dimension, time_s, slope * time_s)


def fused(*traces: Trace, recipe: Recipe | None = None, time_s: NDArray[np.float64] = GRID_S) -> GoldFile:
    recipe = recipe or Recipe()
    return gold_file(
        fuse(traces, time_s, recipe),
        time_s,
        recipe,
        session=traces[0].session,
        dimension=traces[0].dimension,
        simulated=any(one.simulated for one in traces),
        software="mavfer test",
        times="10 a second",
        traces_sha256=["0" * 64] * len(traces),
    )


def test_labels_of_a_mean_are_those_of_its_traces() -> None:
    traces = [ramp("A", 0.2), ramp("B", 0.4), ramp("A", -0.1, dimension="arousal")]
    found = labels_from([fused(*traces[:2]), fused(traces[2])], FRAMES_S)
    wanted = labels_at(traces, FRAMES_S, lag_s=0.0)
    for dimension in ("valence", "arousal"):
        np.testing.assert_allclose(found.value[dimension], wanted.value[dimension], atol=2e-6)
        np.testing.assert_allclose(found.per_rater[dimension], wanted.per_rater[dimension], atol=2e-6)
        assert found.value[dimension].dtype == found.per_rater[dimension].dtype == np.float32
    assert found.raters == wanted.raters
    assert found.remarks == ("valence and arousal: gold standard by mean over raters; no lag taken out",)


def test_a_gap_of_a_gold_standard_is_not_bridged() -> None:
    gold = fused(ramp("A", 0.2))
    holed = GoldFile(gold.header, gold.time_s, gold.value.copy(), gold.per_rater.copy())
    holed.value[100] = np.nan
    found = labels_from([holed], np.array([9.85, 9.9, 9.95, 10.0, 10.05, 10.1, 10.15])).value["valence"]
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, True, True, False, False])


@pytest.mark.parametrize("lag_s", [0.0, 1.0])
@pytest.mark.parametrize("late_s", [0.01, -0.01])
def test_gold_at_a_films_frames_labels_the_ticks_as_its_traces_do(lag_s: float, late_s: float) -> None:
    tick_s = np.arange(300) / 30
    film_s = np.delete(tick_s, [100, 101, 102, 200]) + late_s  # exposed beside the ticks, four frames lost
    traces = [Trace("s", f"r{k}", "valence", film_s, 8 * np.sin(film_s + k)) for k in range(2)]
    recipe = Recipe(lag=Lag.FIXED if lag_s else Lag.NONE, lag_s=lag_s)
    found = labels_from([fused(*traces, recipe=recipe, time_s=film_s)], tick_s).value["valence"]
    wanted = labels_at(traces, tick_s, lag_s=lag_s).value["valence"]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # 0.8 * (two steps)^2 / 8, and where the lag reads
    truth = 0.4 * (np.sin(tick_s + lag_s) + np.sin(tick_s + lag_s + 1))
    np.testing.assert_allclose(found[3:260], truth[3:260], atol=6e-3)  # the lag once, and not twice


def test_the_ends_of_a_gold_standard_hold_for_one_of_its_steps_and_its_gaps_for_none() -> None:
    gold = fused(ramp("A", 0.2))
    holed = GoldFile(gold.header, gold.time_s[50:], gold.value[50:].copy(), gold.per_rater[:, 50:].copy())
    holed.value[-3:] = np.nan
    time_s = np.array([4.85, 4.95, 5.0, 19.55, 19.6, 19.65, 19.9, 19.95])
    found = labels_from([holed], time_s).value["valence"]
    np.testing.assert_allclose(found, [np.nan, 0.1, 0.1, 0.391, 0.392, np.nan, np.nan, np.nan], atol=1e-6)


def test_moments_that_a_gold_standard_lacks_are_bridged_as_far_as_its_recipe_bridges() -> None:
    for max_gap_s, known in ((2.0, True), (0.5, False)):
        whole = fused(ramp("A", 0.2), recipe=Recipe(max_gap_s=max_gap_s))
        kept = (GRID_S < 8.05) | (GRID_S > 8.95)
        holed = GoldFile(whole.header, GRID_S[kept], whole.value[kept], whole.per_rater[:, kept])
        found = labels_from([holed], np.array([8.0, 8.5, 9.0])).value["valence"]
        np.testing.assert_allclose(found, [0.16, 0.17 if known else np.nan, 0.18], atol=1e-6)


def test_how_it_was_made_what_it_says_and_where_it_ends_are_remarks() -> None:
    still = Trace("s", "still", "valence", GRID_S, np.full(len(GRID_S), 3.0))
    recipe = Recipe(method=Method.EWE, lag=Lag.FIXED, lag_s=2.0)
    found = labels_from([fused(ramp("A", 0.2), ramp("B", 0.3), still, recipe=recipe)], np.arange(0, 20, 0.25))
    assert found.remarks[0].startswith(
        "valence: gold standard by evaluator weighted estimator, weights: r with"
    )
    assert "a lag of 2 s taken out" in found.remarks[0]
    assert found.remarks[1].startswith("valence: rater 'still' gives 3 throughout and counts for nothing")
    assert found.remarks[2].startswith("valence: the last 6 frames, from 18.5 s, have no label")
    assert "nobody rated any more 2 s later, when a rater reacts" in found.remarks[2]
    assert found.remarks[3] == "arousal: no gold standard; no frame has a label"
    assert np.isnan(found.value["arousal"]).all()


def test_no_gold_standard_is_no_label_and_no_remark() -> None:
    found = labels_from([], FRAMES_S)
    assert found.remarks == ()
    assert np.isnan(found.value["valence"]).all()
    assert sha256_of_gold([]) is None


def test_another_recipe_of_the_same_values_is_another_input() -> None:
    one = fused(ramp("A", 0.2))
    other = GoldFile(
        one.header.model_copy(update={"times": "otherwise"}), one.time_s, one.value, one.per_rater
    )
    assert sha256_of_gold([one]) != sha256_of_gold([other])
    assert sha256_of_gold([one, fused(ramp("A", 0.1, dimension="arousal"))]) == sha256_of_gold(
        [fused(ramp("A", 0.1, dimension="arousal")), one]
    )


def test_a_session_without_labels_says_what_it_was_wanted_from(tmp_path: Path, video_session: Path) -> None:
    session = read_record(video_session).id
    other = tmp_path / "other"
    shutil.copytree(video_session, other)
    record = (other / RECORD_NAME).read_text()
    (other / RECORD_NAME).write_text(record.replace(f'id = "{session}"', 'id = "other"'))
    write_gold(tmp_path / "labels", fused(ramp("A", 0.2, session=session, until_s=5)))
    write_trace(tmp_path / "traces", ramp("A", 0.2, session=session, until_s=5))
    options = {"calibration": None, "config": ClipConfig(fps=2), "n_workers": 1}
    for given, missing in (("labels", "no gold standard: it has"), ("traces", "no rater's trace: it has")):
        places = {"labels": None, "traces": None, given: tmp_path / given}
        report = build_dataset([video_session, other], out=tmp_path / f"of {given}", **places, **options)
        remarks = {one.id: " ".join(one.remarks) for one in report.built}
        assert missing in remarks["other"]
        assert missing not in remarks[session]


def test_a_damaged_gold_standard_is_its_own_sessions_trouble(tmp_path: Path) -> None:
    write_gold(tmp_path, fused(ramp("A", 0.2)))
    write_gold(tmp_path, fused(ramp("A", 0.2, session="t")))
    (tmp_path / "t.gold.valence.csv").write_text("time_s\n")
    rated = read_gold_standards(tmp_path, {"s", "t", "u"})
    assert [len(rated[name].gold) for name in "stu"] == [1, 0, 0]
    assert "wanted the columns" in str(rated["t"].error)
    assert rated["s"].error is rated["u"].error is None


def test_a_folder_of_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="wanted a folder of gold standards, found nothing"):
        read_gold_standards(tmp_path / "none", {"s"})
    with pytest.raises(TraceError, match="found none at all; run `mavfer labels fuse`"):
        read_gold_standards(tmp_path, {"s"})
    write_trace(tmp_path, ramp("A", 0.2))
    with pytest.raises(TraceError, match="found none at all; pass raters' traces as --traces"):
        read_gold_standards(tmp_path, {"s"})
    write_gold(tmp_path, fused(ramp("A", 0.2)))
    with pytest.raises(TraceError, match="of session 'x', found only those of 's'"):
        read_gold_standards(tmp_path, {"x"})


def test_a_dataset_of_gold_standards_has_their_values_and_says_how_they_were_made(
    tmp_path: Path, video_session: Path
) -> None:
    session = read_record(video_session).id
    gold = fused(ramp("A", 0.2, session=session, until_s=5), ramp("B", 0.4, session=session, until_s=5))
    write_gold(tmp_path / "labels", gold)
    options = {"calibration": None, "traces": None, "config": ClipConfig(fps=2), "n_workers": 1}
    report = build_dataset([video_session], labels=tmp_path / "labels", out=tmp_path / "d", **options)
    entry = report.built[0]
    assert entry.raters == ("A", "B")
    assert entry.traces_sha256 == sha256_of_gold([gold])
    assert any("gold standard by mean over raters" in line for line in entry.remarks)
    dataset = open_dataset(tmp_path / "d").sessions[0]
    time_s = dataset.read("time_s")
    np.testing.assert_allclose(dataset.read("valence"), 0.03 * time_s, atol=1e-5)
    np.testing.assert_allclose(dataset.read("raters_valence"), [0.02 * time_s, 0.04 * time_s], atol=1e-5)
    again = build_dataset(
        [video_session], labels=tmp_path / "labels", out=tmp_path / "d", overwrite=True, **options
    )
    assert again.reused == (session,)
    other = fused(ramp("A", 0.1, session=session, until_s=5))
    write_gold(tmp_path / "labels", other, overwrite=True)
    changed = build_dataset(
        [video_session], labels=tmp_path / "labels", out=tmp_path / "d", overwrite=True, **options
    )
    assert changed.reused == ()


def test_a_lag_taken_out_by_fusing_gives_the_dataset_that_the_builds_own_lag_gives(
    tmp_path: Path, video_session: Path
) -> None:
    session = read_record(video_session).id
    time_s = times_at(video_session)
    film_s = np.arange(0, time_s[-1] + 0.02, 0.04)
    for k in range(3):
        value = 8 * np.sin(5 * film_s + k)
        value[: 4 * k] = np.nan  # one begins later than another
        write_trace(tmp_path / "traces", Trace(session, f"r{k}", "valence", film_s, value))
    recipe = Recipe(lag=Lag.FIXED, lag_s=0.3)
    given = traces_given(tmp_path / "traces")
    told: list[tuple[int, int]] = []
    for one in fuse_all(
        given, recipe, fps=10.0, at=[video_session], on_progress=lambda *now: told.append(now)
    ):
        assert one.gold is not None
        write_gold(tmp_path / "labels", one.gold)
    assert told == [(0, 1)]
    columns = []
    for name, lag_s in (("labels", 0.0), ("traces", 0.3)):
        places = {"labels": None, "traces": None, name: tmp_path / name}
        options = {"calibration": None, "config": ClipConfig(fps=0, rater_lag_s=lag_s), "n_workers": 1}
        build_dataset([video_session], out=tmp_path / f"of {name}", **places, **options)
        built = open_dataset(tmp_path / f"of {name}").sessions[0]
        columns.append([built.read("valence"), *built.read("raters_valence")])
    np.testing.assert_allclose(columns[0], columns[1], atol=2e-6)  # NaN where NaN is
    late = time_s + 0.3 <= film_s[-1]
    truth = 0.8 * np.sin(5 * (time_s[late] + 0.3))
    np.testing.assert_allclose(columns[0][1][late], truth, atol=5e-3)


def test_frame_times_of_a_recorded_session_are_its_ticks(video_session: Path) -> None:
    places = frame_times([video_session.parent])
    time_s = times_at(places[read_record(video_session).id])
    np.testing.assert_array_equal(time_s, synchronize(open_session(video_session)).time_s)
    assert len(time_s) > 5


def test_a_lag_or_a_gap_beside_gold_standards_and_both_kinds_of_ratings_are_refused(
    tmp_path: Path, video_session: Path
) -> None:
    options = {"calibration": None, "labels": tmp_path, "out": tmp_path / "d"}
    with pytest.raises(ConfigError, match="wanted no rater_lag_s with gold standards, found 2 s"):
        build_dataset([video_session], traces=None, config=ClipConfig(rater_lag_s=2), **options)
    with pytest.raises(ConfigError, match="wanted no max_label_gap_s with gold standards, found 2 s"):
        build_dataset([video_session], traces=None, config=ClipConfig(max_label_gap_s=2), **options)
    with pytest.raises(ConfigError, match="wanted traces or gold standards, found both"):
        build_dataset([video_session], traces=tmp_path, config=ClipConfig(), **options)
