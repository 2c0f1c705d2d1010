"""Laws of what the report computes: agreement over sessions, distances, jitter, runs of reasons, choices."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mavfer.annotate.agreement import agreement
from mavfer.annotate.agreement.ratings import Ratings, zero_mean
from mavfer.annotate.agreement.readings import readings_of
from mavfer.annotate.agreement.words import consistency
from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.record import Reason, read_record
from mavfer.preprocess.report.agreeing import overall_agreement
from mavfer.preprocess.report.crops import MISSING_RGB, in_colors, sample_session, sheet
from mavfer.preprocess.report.drawing import ORDER, drawable, percent, reason_runs, thinned
from mavfer.preprocess.report.faces import steps_px, stillness
from mavfer.preprocess.report.oddities import APART_S, KINDS, MOST_PER_SESSION, oddest
from mavfer.preprocess.report.ratings import earth_movers, split_labels
from mavfer.preprocess.report.rows import read_session, report_scheme

from .conftest import FPS, SIZE_PX, Take


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_dataset):
    return make_dataset(
        tmp_path_factory.mktemp("measures") / "set",
        [
            Take("a", "S01", lost={Stream.COLOR: [(Reason.NO_FACE, 10, 20)]}, shake_px=0.0),
            Take("b", "S02", n_frames=200, seed=1, shake_px=0.5),
            Take("c", "S03", seed=2, raters=("dora", "eve")),
        ],
    )


@pytest.fixture(scope="module")
def sessions(folder):
    record = read_record(folder)
    return [read_session(folder, entry, report_scheme(record)) for entry in record.built]


def test_every_reason_has_a_look():
    assert set(ORDER) == set(Reason)


def test_a_still_face_has_no_jitter_and_a_shaken_one_what_it_was_shaken_by(sessions):
    assert stillness(sessions[0]).noise_px == pytest.approx(0, abs=1e-3)
    # eyes are means of 6 landmarks, the nose is one: variance (1/6 + 1/6 + 1) / 3 of a landmark's
    wanted_px = 0.5 * np.sqrt((1 / 6 + 1 / 6 + 1) / 3)
    assert stillness(sessions[1]).noise_px == pytest.approx(wanted_px, rel=0.15)


def test_no_step_is_taken_over_a_gap(sessions):
    steps = steps_px(sessions[0])
    assert np.isnan(steps[10:21]).all()  # row 20 has a face, the row before has none
    assert np.isnan(steps[0])
    assert np.isfinite(steps[21:]).all()


def test_motion_at_an_even_speed_is_no_noise(sessions):
    drift = np.arange(len(sessions[0].jump))[:, None, None] * 0.7 * np.ones((1, 3, 2))
    moving = replace(sessions[0], points_px=sessions[0].points_px + drift)
    assert stillness(moving).noise_px == pytest.approx(0, abs=1e-3)
    assert stillness(moving).step_px == pytest.approx(0.7 * np.sqrt(2), abs=1e-3)


def test_earth_movers_distance_of_a_shifted_series_is_the_shift():
    values = np.random.default_rng(0).uniform(-1, 1, 300)
    assert earth_movers(values, values + 0.25) == pytest.approx(0.25)
    assert earth_movers(values, values) == 0
    assert earth_movers(values, np.repeat(values, 2)) == pytest.approx(0)


def test_agreement_of_one_team_pooled_is_that_of_its_sessions_laid_end_to_end(sessions):
    overall = overall_agreement(sessions[:2], "valence")
    assert overall is not None
    joined = np.concatenate([rows.per_rater["valence"] for rows in sessions[:2]], axis=1)
    assert overall.n_teams == 1
    assert overall.pooled.alpha == pytest.approx(agreement(joined).alpha)


def test_a_rater_who_gave_no_value_takes_nothing_from_the_others(sessions):
    rows = sessions[1]
    ratings = rows.per_rater["valence"].copy()
    ratings[2] = np.nan
    silenced = replace(rows, per_rater={**rows.per_rater, "valence": ratings})
    overall = overall_agreement([sessions[0], silenced], "valence")
    assert overall is not None
    assert overall.n_teams == 2
    alone = overall_agreement([silenced], "valence")
    assert alone is not None
    for found in (alone.mean, alone.pooled):
        assert found.alpha == pytest.approx(agreement(ratings[:2]).alpha)
        assert found.ccc == pytest.approx(agreement(ratings[:2]).ccc)


def test_the_report_and_labels_agree_say_the_same_of_the_same_ratings(sessions):
    for dimension in ("valence", "arousal"):
        same = [
            Ratings(
                rows.entry.id, dimension, rows.rater_names[dimension], rows.time_s, rows.per_rater[dimension]
            )
            for rows in sessions
        ]
        readings = {(one.scope, one.level): one.values for one in readings_of(same) if not one.session}
        overall = overall_agreement(sessions, dimension)
        assert overall is not None
        for found, reading in (
            (overall.mean, readings["mean of sessions", "raw"]),
            (overall.pooled, readings["pooled per team", "raw"]),
            (overall.centered, readings["pooled per team", "zero-mean"]),
        ):
            for name in ("positive", "mse", "pearson", "ccc", "alpha"):
                assert getattr(found, name) == pytest.approx(reading[name].value, abs=1e-12)


def test_zero_mean_leaves_a_sessions_alpha_and_correlation_alone(sessions):
    series = sessions[1].per_rater["valence"]
    assert agreement(zero_mean(series)).alpha == pytest.approx(agreement(series).alpha)
    assert agreement(zero_mean(series)).pearson == pytest.approx(agreement(series).pearson)
    assert np.nanmean(zero_mean(series), axis=1) == pytest.approx(0, abs=1e-7)


def test_raters_who_differ_by_a_constant_per_session_agree_only_after_zero_mean(sessions):
    rng = np.random.default_rng(0)

    def rated(offset):
        said = np.tile(rng.normal(0, 0.1, 48), (2, 1)) + np.array([[0.0], [offset]])
        return replace(sessions[0], per_rater={"valence": said})

    overall = overall_agreement([rated(0.5), rated(-0.5)], "valence")
    assert overall is not None
    assert overall.mean.pearson == pytest.approx(1)
    assert overall.centered.pearson == pytest.approx(1)
    assert overall.pooled.alpha < 0.5


def test_teams_are_counted_apart_and_one_rater_alone_agrees_with_nobody(sessions):
    overall = overall_agreement(sessions, "arousal")
    assert overall is not None
    assert overall.n_teams == 2
    alone = [replace(rows, per_rater={"arousal": rows.per_rater["arousal"][:1]}) for rows in sessions]
    assert overall_agreement(alone, "arousal") is None


def test_consistency_is_worded_as_in_the_paper():
    assert [consistency(alpha)[0] for alpha in (0.81, 0.75, 0.5, np.nan)] == [
        "good",
        "acceptable",
        "low",
        "unknown",
    ]


def test_labels_by_split_hold_every_labelled_frame_once(sessions):
    by_split = split_labels(sessions)
    assert sum(len(both) for both in by_split.values()) == sum(rows.entry.n_frames for rows in sessions)
    assert len(by_split["unused"]) == 0


def test_runs_of_reasons_tile_the_session_and_a_single_lost_row_is_seen_in_a_long_one():
    time_s = np.arange(20_000) / 10
    reason = np.zeros(20_000, np.uint8)
    reason[12_345] = Reason.NO_FACE
    runs = reason_runs(time_s, reason)
    assert [run[0] for run in runs] == [Reason.OK, Reason.NO_FACE, Reason.OK]
    assert runs[0][1] == 0
    assert all(a[1] + a[2] == pytest.approx(b[1]) for a, b in pairwise(runs))
    assert runs[-1][1] + runs[-1][2] == pytest.approx(2000)
    assert runs[1][1] <= time_s[12_345] < runs[1][1] + runs[1][2]


def test_a_thinned_curve_is_short_and_keeps_level_and_gaps():
    values = np.full(5000, 3.0)
    values[1000:2000] = np.nan
    time_s, thin = thinned(np.arange(5000.0), values, most=100)
    assert len(time_s) == len(thin) == 100
    assert np.nanmax(thin) == np.nanmin(thin) == 3.0
    assert np.isnan(thin[22:38]).all()


def test_almost_all_is_never_said_to_be_all():
    assert percent(0.99999) == "99.9 %"
    assert percent(1e-6) == "0.1 %"
    assert percent(1.0) == "100 %"
    assert percent(0.0) == "0 %"


def test_a_label_is_never_a_formula_and_never_long():
    assert drawable("$x^2$") == r"\$x^2\$"
    assert len(drawable("x" * 99)) == 26
    assert drawable("a\nb\x00c") == "a b c"


def test_frames_to_look_at_are_the_most_extreme_and_lie_apart(sessions):
    kind = next(kind for kind in KINDS if kind.title == "Least sharp")
    found = oddest(kind, sessions)
    worst = min(np.nanmin(rows.column["sharpness"][rows.has_face]) for rows in sessions)
    assert found[0].session.column["sharpness"][found[0].row] == worst
    for rows in sessions:
        own = [odd.row for odd in found if odd.session is rows]
        assert len(own) <= MOST_PER_SESSION
        assert all(abs(a - b) / FPS >= APART_S for a in own for b in own if a != b)


def test_a_sample_is_evenly_spread_and_its_mean_face_is_of_valid_rows_alone(sessions):
    sample = sample_session(sessions[0], n_rows=6)
    assert sample.rows.tolist() == [4, 12, 20, 28, 36, 44]
    assert sample.n_mean == 48 - 10
    valid = sessions[0].session.read("color")[sessions[0].aligned]
    assert np.abs(sample.mean_face.astype(float) - valid.mean(axis=0)).max() <= 0.5


def test_rows_without_pixels_are_dark_gray_in_every_stream(sessions):
    sample = sample_session(sessions[0], n_rows=6)
    for stream, crops in sample.pixels.items():
        reason = sessions[0].reason[stream][sample.rows].copy()
        reason[2] = Reason.NO_FACE
        pictures, _ = in_colors(stream, crops, reason)
        assert (pictures[2] == MISSING_RGB).all()
        assert (pictures[0] != MISSING_RGB).any()


def test_color_bars_are_in_millimetres_and_degrees_celsius(sessions):
    sample = sample_session(sessions[1])
    reason = np.zeros(len(sample.rows), np.uint8)
    _, depth = in_colors(Stream.DEPTH, sample.pixels[Stream.DEPTH], reason)
    _, thermal = in_colors(Stream.THERMAL, sample.pixels[Stream.THERMAL], reason)
    assert depth is not None
    assert thermal is not None
    assert float(depth.low.removesuffix(" mm")) < 820 < float(depth.high.removesuffix(" mm"))
    assert float(thermal.low.removesuffix(" °C")) < 33.5 < float(thermal.high.removesuffix(" °C"))


def test_a_sheet_never_grows_too_wide():
    assert sheet(np.zeros((10, 512, 512, 3), np.uint8)).shape[1] <= 1200
    assert sheet(np.zeros((10, SIZE_PX, SIZE_PX, 3), np.uint8)).shape == (SIZE_PX, 10 * SIZE_PX + 27, 4)
    one = sheet(np.zeros((1, SIZE_PX, SIZE_PX, 3), np.uint8), n_places=10)
    assert one.shape == (SIZE_PX, 10 * SIZE_PX + 27, 4)
    assert not one[:, SIZE_PX:, 3].any()
