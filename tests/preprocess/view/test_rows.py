import json

import numpy as np
import pytest

from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.record import Part, SplitScheme, write_record
from mavfer.preprocess.view.catalog import IN_TIME, NO_SPLIT, open_catalog, split_of
from mavfer.preprocess.view.rows import crop_landmarks, facts_table, read_facts


@pytest.fixture
def facts(dataset):
    catalog = open_catalog(dataset)
    return read_facts(catalog.session(0), catalog.ranges(0))


def test_clips_are_those_of_training_and_none_holds_a_row_without_a_face(facts):
    assert facts.clips == (0, 26, 42)  # 72 rows, 20 to 25 without a face


def test_a_jump_is_where_the_landmarks_moved_and_unknown_beside_rows_without_a_face(facts):
    assert np.nanargmax(facts.jump) == 50
    unknown = np.flatnonzero(np.isnan(facts.jump))
    assert unknown.tolist() == [0, *range(20, 27)]


def test_what_is_unknown_is_null_and_no_number_that_json_cannot_hold(facts):
    table = facts_table(facts)
    text = json.dumps(table, allow_nan=False)
    columns = json.loads(text)["columns"]
    assert columns["valence"][-4:] == [None] * 4
    assert columns["sharpness"][20] is None
    assert "eye_distance_px" not in columns, "unknown throughout"
    assert columns["found"][19:21] == ["region", "none"]
    assert [rater["name"] for rater in table["raters"]["valence"]] == ["Ada", "Ben"]


def test_landmarks_lie_in_the_crop_and_nowhere_in_a_row_without_a_face(dataset):
    session = open_catalog(dataset).session(0)
    points = crop_landmarks(session, 16, 32)
    assert points.shape == (16, 68, 2)
    assert np.isnan(points[4:10]).all()
    np.testing.assert_allclose(points[0], session.read("landmarks", 16, 17)[0] / 2 - 50, atol=1e-4)


def test_in_a_dataset_split_in_time_no_clip_reaches_from_one_part_into_the_next(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips")
    record = open_catalog(path).record
    parts = (Part(split="train", start=0, stop=40), Part(split="test", start=40, stop=72))
    scheme = SplitScheme(by="time", parts={entry.id: parts for entry in record.built})
    write_record(path, record.model_copy(update={"splits": (scheme,)}), overwrite=True)
    catalog = open_catalog(path)
    assert read_facts(catalog.session(0), catalog.ranges(0)).clips == (0, 40, 56)
    assert split_of(catalog.record.sessions[0], scheme) == IN_TIME


def test_a_session_is_named_by_its_split_its_fold_or_none(dataset):
    record = open_catalog(dataset).record
    by_subject, by_fold = record.splits
    assert [split_of(entry, by_subject) for entry in record.sessions] == [
        "train",
        "test",
        "validation",
        NO_SPLIT,
    ]
    assert [split_of(entry, by_fold) for entry in record.sessions] == ["fold 0", "fold 0", "fold 1", NO_SPLIT]


def test_a_session_that_is_not_there_is_told_from_those_that_are(dataset):
    catalog = open_catalog(dataset)
    with pytest.raises(DatasetError, match=r"wanted one of the sessions S01-a, .* found 'S1'"):
        catalog.number_of("S1")
    with pytest.raises(DatasetError, match="'S04-a' was not built: no face in 40 frames"):
        catalog.session(3)
    with pytest.raises(DatasetError, match="wanted one of 4 sessions, found number 4"):
        catalog.session(4)


def test_a_file_name_that_leads_out_of_the_dataset_is_not_followed(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips")
    record = open_catalog(path).record
    first = record.sessions[0].model_copy(update={"file": "../clips/S01-a.h5"})
    write_record(path, record.model_copy(update={"sessions": (first,)}), overwrite=True)
    with pytest.raises(DatasetError, match="found none"):
        open_catalog(path).session(0)


def test_a_split_in_time_that_is_not_the_default_parts_no_clips(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips")
    record = open_catalog(path).record
    parts = (Part(split="train", start=0, stop=40), Part(split="test", start=40, stop=72))
    scheme = SplitScheme(name="in-time", by="time", parts={entry.id: parts for entry in record.built})
    write_record(path, record.model_copy(update={"splits": (*record.splits, scheme)}), overwrite=True)
    catalog = open_catalog(path)
    assert read_facts(catalog.session(0), catalog.ranges(0)).clips == (0, 26, 42)
