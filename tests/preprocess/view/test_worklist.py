from itertools import pairwise

import pytest

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.record import Reason
from mavfer.preprocess.view.catalog import open_catalog
from mavfer.preprocess.view.worklist import Wanted, Worklist


@pytest.fixture
def worklist(dataset):
    return Worklist(open_catalog(dataset))


def places(table):
    return [(frame["session"], frame["row"], frame["stop"]) for frame in table["frames"]]


def test_rows_of_one_reason_come_as_runs_in_the_order_of_time(worklist):
    table = worklist.table(Wanted(reason=Reason.NO_FACE))
    assert places(table) == [(0, 20, 26), (1, 20, 26), (2, 20, 26)]
    assert table["frames"][0]["text"] == "6 rows"


def test_a_reason_is_that_of_the_stream_asked_for(worklist):
    assert places(worklist.table(Wanted(reason=Reason.UNSYNCHRONISED, stream=Stream.THERMAL)))[0] == (
        0,
        40,
        41,
    )
    assert places(worklist.table(Wanted(reason=Reason.UNSYNCHRONISED, stream=Stream.DEPTH))) == []


def test_where_no_stream_is_asked_for_a_reason_is_that_of_any(worklist):
    assert places(worklist.table(Wanted(reason=Reason.UNSYNCHRONISED))) == [
        (0, 40, 41),
        (1, 40, 41),
        (2, 40, 41),
    ]


@pytest.mark.parametrize(("order", "worst"), [("sharpness", (0, 60)), ("jump", (0, 50)), ("pose", (0, 71))])
def test_the_worst_frame_comes_first_and_its_neighbors_within_a_second_not_at_all(worklist, order, worst):
    frames = worklist.table(Wanted(order=order, split="train"))["frames"]
    assert (frames[0]["session"], frames[0]["row"]) == worst
    rows = sorted(frame["row"] for frame in frames)
    assert all(b - a >= 8 for a, b in pairwise(rows))
    assert not any(20 <= row < 26 for row in rows), "without a face there is nothing to rank"


def test_over_all_sessions_the_least_sharp_comes_first(worklist):
    frames = worklist.table(Wanted(order="sharpness"))["frames"]
    assert [(frame["session"], frame["row"]) for frame in frames[:3]] == [(0, 60), (1, 60), (2, 60)]


@pytest.mark.parametrize(
    ("wanted", "sessions"),
    [
        (Wanted(reason=Reason.NO_FACE, split="test"), {1}),
        (Wanted(reason=Reason.NO_FACE, subject="S03"), {2}),
        (Wanted(reason=Reason.NO_FACE, scheme="two", split="fold 0"), {0, 1}),
    ],
)
def test_only_sessions_of_the_split_and_subject_are_listed(worklist, wanted, sessions):
    assert {frame["session"] for frame in worklist.table(wanted)["frames"]} == sessions


def test_a_split_that_the_dataset_does_not_have_is_refused(worklist):
    with pytest.raises(DatasetError, match="wanted a split 'other'"):
        worklist.table(Wanted(scheme="other"))


def test_a_session_that_cannot_be_read_is_named_and_the_others_are_listed(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips")
    (path / "S02-a.h5").write_bytes(b"no HDF5")
    table = Worklist(open_catalog(path)).table(Wanted(reason=Reason.NO_FACE))
    assert {frame["session"] for frame in table["frames"]} == {0, 2}
    assert [one["session"] for one in table["unreadable"]] == [1]
