from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.annotate.trace import Trace, read_traces, write_trace
from mavfer.errors import SessionError, TraceError
from mavfer.preprocess.adapters.bring_in import import_recordings
from mavfer.preprocess.adapters.video_csv import Columns, find_video_csv


def test_a_table_beside_a_video_becomes_its_traces(tmp_path: Path, corpora: SimpleNamespace) -> None:
    layout = find_video_csv(corpora.video_csv(tmp_path / "v", ["anna", "ben"]), columns=Columns())
    fates = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert [(fate.session, fate.subject, fate.state) for fate in fates] == [
        ("anna", "anna", "imported"),
        ("ben", "ben", "imported"),
    ]
    arousal, valence = read_traces(tmp_path / "t", "anna")
    assert (valence.rater, valence.dimension, arousal.dimension) == ("rater", "valence", "arousal")
    np.testing.assert_allclose(valence.value, [10 * corpora.rating(0.1 * i) for i in range(26)], atol=1e-9)


def test_several_raters_and_ready_traces_stand_beside_one_video(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    (folder / "anna.csv").rename(folder / "anna.R1.csv")
    (folder / "anna.R2.csv").write_text("time_s\tarousal\n0\t1\n1\t-1\n", encoding="utf-8")
    write_trace(folder, Trace("anna", "R3", "valence", np.arange(3.0), np.array([1.0, np.nan, 10])))
    traces = find_video_csv(folder, columns=Columns()).recordings[0].ratings()
    assert [(trace.rater, trace.dimension) for trace in traces] == [
        ("R1", "valence"),
        ("R1", "arousal"),
        ("R2", "arousal"),
        ("R3", "valence"),
    ]
    np.testing.assert_array_equal(traces[2].value, [10, -10])
    np.testing.assert_array_equal(traces[3].value, [1, np.nan, 10])


def test_columns_and_scale_are_as_the_options_say(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    (folder / "anna.csv").write_text("Sec;V;A\n0;2;-4\n0,5;4;0\n", encoding="utf-8")
    columns = Columns("sec", "v", "a", 4.0)
    with pytest.raises(TraceError, match=r"wanted a number in column 'Sec', found '0,5' in line 3"):
        find_video_csv(folder, columns=columns).recordings[0].ratings()
    (folder / "anna.csv").write_text("Sec;V;A;note\n0;2;-4;calm\n0.5;4;;\n", encoding="utf-8")
    valence, arousal = find_video_csv(folder, columns=columns).recordings[0].ratings()
    np.testing.assert_array_equal(valence.value, [5, 10])
    np.testing.assert_array_equal(arousal.value, [-10, np.nan])
    with pytest.raises(TraceError, match=r"wanted the columns time_s,valence,arousal, found 'Sec, V, A'"):
        find_video_csv(folder, columns=Columns()).recordings[0].ratings()
    with pytest.raises(TraceError, match=r"wanted ratings in \[-1, 1\], found 2 .*--scale"):
        find_video_csv(folder, columns=Columns("sec", "v", "a")).recordings[0].ratings()


def test_subjects_csv_says_who_is_filmed(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["a1", "a2", "b1"])
    (folder / "subjects.csv").write_text("video,subject\na1,S01\na2.mp4,S01\n", encoding="utf-8")
    layout = find_video_csv(folder, columns=Columns())
    fates = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert [(fate.subject, fate.state) for fate in fates] == [
        ("S01", "imported"),
        ("S01", "imported"),
        ("b1", "failed"),
    ]
    assert "wanted the subject of 'b1' in subjects.csv, found none" in fates[2].problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("film,who\na,b\n", "wanted the columns video,subject, found 'film,who'"),
        ("video,subject\na,S01\na,S02\n", "wanted one subject for 'a', found another in line 3"),
        ("video,subject\na\n", "wanted a video and its subject, found 'a' in line 2"),
    ],
)
def test_a_list_of_subjects_that_does_not_read_is_refused(
    tmp_path: Path, corpora: SimpleNamespace, text: str, said: str
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["a"])
    (folder / "subjects.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SessionError, match=said):
        find_video_csv(folder, columns=Columns())


def test_a_name_that_is_no_pseudonym_is_refused_with_a_way_out(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["Jane Doe"])
    layout = find_video_csv(folder, columns=Columns())
    (fate,) = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert "wanted a subject pseudonym" in fate.problem
    (folder / "subjects.csv").write_text("video,subject\nJane Doe,S01\n", encoding="utf-8")
    layout = find_video_csv(folder, columns=Columns())
    (fate,) = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert (fate.state, fate.subject) == ("imported", "S01")


def test_folders_without_videos_or_ratings_say_what_was_looked_for(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SessionError, match=r"wanted videos .*found no video"):
        find_video_csv(tmp_path / "empty", columns=Columns())
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    (folder / "anna.csv").rename(folder / "bella.csv")
    with pytest.raises(
        SessionError, match=r"named anna\.csv or anna\.RATER\.csv, found none, only bella\.csv"
    ):
        find_video_csv(folder, columns=Columns())
