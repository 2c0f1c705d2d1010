from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.errors import SessionError, TraceError
from mavfer.preprocess.adapters.sewa import find_sewa

FILMS = [
    "SAH_C1_S018_P036_VC1_001394_002328",
    "SSL_C1_S018_P036_VC1_003000_003500",
    "SAL_C1_S018_P035_VC1_0_9",
]


@pytest.mark.parametrize("head", ["name;timestamp;arousal;valence;liking\n", ""])
def test_the_challenges_labels_are_read_with_and_without_a_head(
    tmp_path: Path, corpora: SimpleNamespace, head: str
) -> None:
    layout = find_sewa(corpora.avec_sewa(tmp_path / "sewa", ["Train_DE_01", "Devel_DE_01"], head=head))
    first, second = layout.recordings
    assert (first.session, second.session) == ("sewa-Devel_DE_01", "sewa-Train_DE_01")
    traces = {trace.dimension: trace for trace in second.ratings()}
    assert {trace.rater for trace in traces.values()} == {"gold"}
    t_s = 0.1 * np.arange(26)
    np.testing.assert_allclose(traces["arousal"].time_s, t_s, atol=1e-6)
    np.testing.assert_allclose(traces["arousal"].value, [10 * corpora.rating(t) for t in t_s], atol=1e-3)
    np.testing.assert_allclose(traces["valence"].value, -traces["arousal"].value, atol=1e-3)
    assert layout.partitions == {"train": ("sewa-Train_DE_01",), "devel": ("sewa-Devel_DE_01",)}


def test_films_of_the_test_part_have_no_labels_and_are_left_out(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.avec_sewa(tmp_path / "sewa", ["Train_01", "Test_01"])
    (folder / "labels" / "Test_01.csv").unlink()
    layout = find_sewa(folder)
    assert [one.session for one in layout.recordings] == ["sewa-Train_01"]
    assert layout.left_out == ("Test_01",)


def test_all_films_of_one_person_are_of_one_subject(tmp_path: Path, corpora: SimpleNamespace) -> None:
    layout = find_sewa(corpora.sewa(tmp_path / "sewa", FILMS))
    subjects = {one.session: one.subject for one in layout.recordings}
    assert [subjects[f"sewa-{name}"] for name in FILMS] == ["sewa-C1-P036", "sewa-C1-P036", "sewa-C1-P035"]


def test_each_raters_column_becomes_a_trace_of_what_they_had_before_them(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.sewa(tmp_path / "sewa", FILMS[:1])
    (recording,) = find_sewa(folder).recordings
    assert sorted((trace.dimension, trace.rater) for trace in recording.ratings()) == [
        (dimension, rater) for dimension in ("arousal", "valence") for rater in ("A1", "A2", "A3")
    ]
    for path in folder.rglob("*_AV_Aligned.csv"):
        path.unlink()
    with pytest.raises(SessionError, match=r"wanted ratings _AV_Aligned\.csv, found those of A, V.*--heard"):
        find_sewa(folder)
    assert len(find_sewa(folder, heard="v").recordings) == 1


def test_a_file_with_the_merged_rating_alone_is_the_gold_standard(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.sewa(tmp_path / "sewa", FILMS[:1])
    for path in folder.rglob("*_AV_Aligned.csv"):
        dimension = path.stem.split("_")[-3].lower()
        path.write_text(f"frame,{dimension}\n0,0.5\n8,-0.5\n", encoding="utf-8")
    (recording,) = find_sewa(folder).recordings
    traces = recording.ratings()
    assert {trace.rater for trace in traces} == {"gold"}
    np.testing.assert_allclose(traces[0].time_s, [0, 1])  # 8 pictures a second
    np.testing.assert_allclose(traces[0].value, [5, -5])


def test_ratings_beyond_the_scale_name_the_option(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.sewa(tmp_path / "sewa", FILMS[:1])
    path = next(folder.rglob("*_Valence_AV_Aligned.csv"))
    path.write_text("timestamp,A1\n0,734\n1,-1000\n", encoding="utf-8")
    (recording,) = find_sewa(folder).recordings
    with pytest.raises(TraceError, match=r"wanted ratings in \[-1, 1\], found 734 .*--scale"):
        recording.ratings()
    path.with_name(path.name.replace("Valence", "Arousal")).write_text(
        "timestamp,A1\n0,0\n", encoding="utf-8"
    )
    (recording,) = find_sewa(folder, scale=1000.0).recordings
    np.testing.assert_allclose(recording.ratings()[0].value, [7.34, -10])


def test_what_is_no_sewa_is_refused_in_one_line(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.recola(tmp_path / "recola", ["P16"])
    with pytest.raises(SessionError, match=r"wanted labels/Train_DE_01\.csv.*found neither") as no:
        find_sewa(folder)
    assert "\n" not in str(no.value)


def test_labels_with_other_columns_say_what_was_looked_for(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.avec_sewa(tmp_path / "sewa", ["Train_01"], head="name;timestamp;joy;fear;liking\n")
    (recording,) = find_sewa(folder).recordings
    with pytest.raises(
        TraceError, match=r"wanted columns name;timestamp;arousal.*found 'timestamp, joy, fear"
    ):
        recording.ratings()
