import json
import shutil

import numpy as np
import pytest

from mavfer.errors import DatasetError, ModelError
from mavfer.model.explain.attention import attention_maps
from mavfer.view.rerun_run import write_run_rrd
from mavfer.view.run_view import open_run_view


@pytest.fixture(scope="module")
def view(lab):
    return open_run_view(lab / "mran")


def test_the_curves_are_those_of_the_evaluation(view, lab):
    page = json.loads((lab / "mran" / "evaluation.json").read_text())
    facts = view.facts(0)
    assert [curve["name"] for curve in facts["curves"]] == page["dimensions"]
    np.testing.assert_allclose(
        facts["curves"][0]["predicted"], page["sessions"][0]["predicted"]["valence"], atol=1e-4
    )
    assert view.table()["scores"].keys() == page["scores"].keys()


def test_attention_of_the_clip_that_is_shown_is_the_networks_own(view):
    face = view.face(0)
    start = view.attention.clip_at(face, 10)
    np.testing.assert_array_equal(view.attention.weights(face, start), attention_maps(view.path, face, start))
    assert view.attention.pictures(face, start).shape == (8, 48, 48, 3)
    np.testing.assert_array_equal(
        view.attention.picture(face, start, start + 2), view.attention.pictures(face, start)[2]
    )


def test_a_row_is_shown_by_the_clip_whose_middle_is_nearest(view):
    face = view.face(0)
    starts = view.attention.starts(face)
    for row in range(20):
        found = view.attention.clip_at(face, row)
        off = [abs(row - start - 3.5) for start in starts if start <= row < start + 8]
        assert abs(row - found - 3.5) == min(off)
    assert view.attention.clip_at(face, 29) is None  # rows 28 to 30 are not valid
    with pytest.raises(ModelError, match="first frame of a clip"):
        view.attention.weights(face, 1)


def test_a_dataset_that_was_moved_away_leaves_the_curves_and_says_how_to_name_it(lab, tmp_path):
    run = tmp_path / "elsewhere" / "run"
    shutil.copytree(lab / "mran", run)
    view = open_run_view(run)
    assert view.faces == {}
    assert "--dataset" in view.remarks[0]
    assert len(view.facts(0)["curves"]) == 2
    with pytest.raises(DatasetError, match="not at hand"):
        view.face(0)
    assert open_run_view(run, dataset=lab / "clips").faces
    with pytest.raises(DatasetError):
        open_run_view(run, dataset=tmp_path)


def test_a_run_that_was_not_evaluated_names_the_command(lab, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(lab / "mran", run)
    (run / "evaluation.json").unlink()
    with pytest.raises(ModelError, match="run `mavfer evaluate`"):
        open_run_view(run)


def test_a_recording_for_rerun_holds_what_the_page_shows(view, tmp_path):
    from rerun.chunk import RrdReader

    path = tmp_path / "run.rrd"
    write_run_rrd(path, view, 0)
    rows = {}
    for chunk in RrdReader(path).stream().to_chunks():
        for row in chunk.to_record_batch().to_pylist():
            if row.get("row") is not None:
                rows.setdefault(chunk.entity_path, {})[row["row"]] = row
    face = view.face(0)
    assert bytes(rows["/face"][7]["Image:buffer"][0]) == face.read("color", 7, 8).tobytes()
    start = view.attention.clip_at(face, 7)
    shown = view.attention.picture(face, start, 7)
    assert bytes(rows["/attention"][7]["Image:buffer"][0]) == shown.tobytes()
    assert not rows["/attention"][29].get("Image:buffer")  # cleared: no clip shows rows 28 to 30
    valence = view.curves(0)[0]
    for name, values in (("label", valence.truth), ("predicted", valence.predicted)):
        assert rows[f"/valence/{name}"][7]["Scalars:scalars"] == [pytest.approx(values[7])]


def test_of_classes_each_frame_has_the_mean_of_the_clips_that_show_it(view):
    from dataclasses import replace

    from mavfer.model.evaluation.classes import ClipClasses
    from mavfer.view.run_series import curves_of

    clips = ClipClasses(np.array([0, 4]), np.array([1, -1]), np.array([[0.2, 0.8], [0.6, 0.4]]))
    said = replace(view.prediction(0), truth={}, predicted={}, processed={}, clips=clips)
    told = replace(view.evaluation, class_names=("low", "high"), dimensions=())
    low, high = curves_of(told, said, clip_frames=8)
    assert (low.name, high.name, low.low, low.high) == ("low", "high", 0.0, 1.0)
    np.testing.assert_allclose(low.predicted[[0, 5, 11]], [0.2, 0.4, 0.6])
    np.testing.assert_allclose(low.predicted + high.predicted, np.where(np.arange(32) < 12, 1, np.nan))
    assert (high.truth[0], low.truth[0]) == (1, 0)
    assert np.isnan(high.truth[11])  # of the second clip nothing is known
