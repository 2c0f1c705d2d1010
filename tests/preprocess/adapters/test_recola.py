from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.annotate.trace import read_traces
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.errors import SessionError, TraceError
from mavfer.preprocess.adapters.bring_in import import_recordings
from mavfer.preprocess.adapters.recola import find_recola


def test_the_authors_recola_becomes_sessions_and_six_raters_traces(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    layout = find_recola(corpora.recola(tmp_path / "recola", ["P16", "P17"]))
    fates = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert [(fate.session, fate.state, fate.n_pictures) for fate in fates] == [
        ("recola-P16", "imported", 20),
        ("recola-P17", "imported", 20),
    ]
    session = open_session(tmp_path / "s" / "recola-P16")
    assert session.record.subject == "recola-P16"
    np.testing.assert_allclose(synchronize(session).time_s, np.arange(20) / 8, atol=1e-6)
    traces = read_traces(tmp_path / "t", "recola-P16")
    assert len(traces) == 12
    by_rater = {(trace.rater, trace.dimension): trace for trace in traces}
    assert sorted({rater for rater, _ in by_rater}) == ["FF1", "FF2", "FF3", "FM1", "FM2", "FM3"]
    trace = by_rater["FM2", "valence"]
    np.testing.assert_allclose(trace.time_s, 0.04 * np.arange(64), atol=1e-9)
    np.testing.assert_allclose(trace.value, [10 * corpora.rating(0.04 * i, 1) for i in range(64)], atol=1e-9)


def test_the_challenges_recola_gives_the_raters_or_the_gold_standard_as_asked(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.avec_recola(tmp_path / "avec", ["train_1", "dev_1"])
    raters = find_recola(folder).recordings[0].ratings()
    assert len({trace.rater for trace in raters}) == 6
    gold = find_recola(folder, ratings="gold").recordings[0].ratings()
    assert {trace.rater for trace in gold} == {"gold"}
    np.testing.assert_allclose(gold[0].time_s, 0.04 * np.arange(64), atol=1e-9)
    np.testing.assert_allclose(gold[0].value[5], 10 * corpora.rating(0.2), atol=1e-9)


def test_the_challenges_partitions_are_told_and_test_films_without_labels_are_left_out(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.avec_recola(tmp_path / "avec", ["train_1", "train_10", "train_2", "dev_1", "test_1"])
    for kind in ("ratings_gold_standard", "ratings_individual"):
        for path in (folder / kind).rglob("test_1.*"):
            path.unlink()
    layout = find_recola(folder)
    assert layout.partitions == {
        "dev": ("recola-dev_1",),
        "train": ("recola-train_1", "recola-train_2", "recola-train_10"),
    }
    assert layout.left_out == ("test_1",)


def test_a_concatenated_file_and_system_files_are_no_films(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.recola(tmp_path / "recola", ["P16"])
    labels = folder / "RECOLA-Annotation" / "emotional_behaviour"
    (labels / "arousal" / "train_all.csv").write_text("time;FM1\n0;0\n", encoding="utf-8")
    (labels / "arousal" / "._P16.csv").write_bytes(b"\x00\x05\x16\x07")
    (folder / "RECOLA-Video-recordings" / "._P16.mp4").write_bytes(b"\x00\x05\x16\x07")
    (recording,) = find_recola(folder).recordings
    assert (recording.session, recording.problem) == ("recola-P16", "")


def test_a_missing_or_doubled_video_is_that_films_problem(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.recola(tmp_path / "recola", ["P16", "P17", "P18"])
    videos = folder / "RECOLA-Video-recordings"
    (videos / "P16.mp4").unlink()
    (folder / "more").mkdir()
    (folder / "more" / "P17.avi").write_bytes((videos / "P17.mp4").read_bytes())
    problems = {one.session: one.problem for one in find_recola(folder).recordings}
    assert "wanted a video 'P16.mp4'" in problems["recola-P16"]
    assert "wanted one video 'P17', found 2" in problems["recola-P17"]
    assert problems["recola-P18"] == ""


def test_a_folder_of_something_else_is_refused_in_one_line(tmp_path: Path, corpora: SimpleNamespace) -> None:
    other = corpora.afew_va(tmp_path / "afew", {"001": None})
    with pytest.raises(
        SessionError, match=r"wanted ratings in folders arousal and valence.*found none"
    ) as no:
        find_recola(other)
    assert "\n" not in str(no.value)
    with pytest.raises(SessionError, match="wanted the corpus's folder, found nothing"):
        find_recola(tmp_path / "nothing")
    individual = corpora.recola(tmp_path / "recola", ["P16"])
    with pytest.raises(SessionError, match=r"wanted gold ratings.*found individual ones only"):
        find_recola(individual, ratings="gold")


def test_a_gold_standard_a_little_beyond_the_scale_is_cut_off_and_a_raters_is_refused(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.avec_recola(tmp_path / "avec", ["train_1"])
    gold = folder / "ratings_gold_standard" / "valence" / "train_1.arff"
    gold.write_text(
        gold.read_text(encoding="utf-8").replace("train_1,0,-0.5", "train_1,0,-1.05"), encoding="utf-8"
    )
    traces = find_recola(folder, ratings="gold").recordings[0].ratings()
    assert min(trace.value.min() for trace in traces) == -10
    each = folder / "ratings_individual" / "valence" / "train_1.csv"
    each.write_text(each.read_text(encoding="utf-8").replace("0;-0.5;", "0;-1.05;", 1), encoding="utf-8")
    with pytest.raises(TraceError, match=r"wanted ratings in \[-1, 1\], found -1\.05 of rater 'FM1'"):
        find_recola(folder).recordings[0].ratings()


def test_two_sets_of_the_same_kind_are_not_guessed_between(tmp_path: Path, corpora: SimpleNamespace) -> None:
    corpora.recola(tmp_path / "both" / "a", ["P16"])
    corpora.recola(tmp_path / "both" / "b", ["P16"])
    with pytest.raises(SessionError, match=r"wanted one set of individual ratings, found a/.*b/"):
        find_recola(tmp_path / "both")


def test_a_film_is_stored_at_no_more_than_the_rate_asked_for(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    layout = find_recola(corpora.recola(tmp_path / "recola", ["P16"]))
    import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t", max_fps=4.0)
    session = open_session(tmp_path / "s" / "recola-P16")
    np.testing.assert_allclose(synchronize(session).time_s, np.arange(10) / 4, atol=1e-6)
    assert len(session.index(Stream.COLOR)) == session.record.recorders["video"].frames_kept == 10
