import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from mavfer.annotate.trace import read_traces
from mavfer.capture.session import open_session
from mavfer.preprocess.adapters.bring_in import Fate, import_recordings
from mavfer.preprocess.adapters.recola import find_recola
from mavfer.preprocess.adapters.recording import Layout
from mavfer.preprocess.adapters.video_csv import Columns, find_video_csv


def states(fates: tuple[Fate, ...]) -> list[str]:
    return [fate.state for fate in fates]


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def layout(tmp_path: Path, corpora: SimpleNamespace) -> Layout:
    return find_recola(corpora.avec_recola(tmp_path / "avec", ["train_1", "train_2", "dev_1"]))


def test_what_is_there_already_is_not_imported_again(tmp_path: Path, layout: Layout) -> None:
    where = {"sessions": tmp_path / "out" / "s", "traces": tmp_path / "out" / "t"}
    assert states(import_recordings(layout, **where)) == ["imported"] * 3
    before = snapshot(tmp_path / "out")
    again = import_recordings(layout, **where)
    assert states(again) == ["there already"] * 3
    assert [fate.n_pictures for fate in again] == [20] * 3
    assert snapshot(tmp_path / "out") == before


def test_an_interrupted_import_is_carried_on(tmp_path: Path, layout: Layout) -> None:
    where = {"sessions": tmp_path / "s", "traces": tmp_path / "t"}
    import_recordings(layout, **where)
    shutil.rmtree(tmp_path / "s" / "recola-train_1")
    for path in (tmp_path / "t").glob("recola-train_2.FM1.*"):
        path.unlink()
    fates = import_recordings(layout, **where)
    assert states(fates) == ["there already", "imported", "imported"]
    assert len(read_traces(tmp_path / "t", "recola-train_2")) == 12
    assert open_session(tmp_path / "s" / "recola-train_1").record.subject == "recola-train_1"


def test_what_a_killed_import_left_is_cleared_away(tmp_path: Path, layout: Layout) -> None:
    left = tmp_path / "s" / ".recola-dev_1.partial-1"
    left.mkdir(parents=True)
    (left / "video.0000.mcap").write_bytes(b"torn")
    import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert not left.exists()


def test_several_processes_make_what_one_makes(tmp_path: Path, layout: Layout) -> None:
    told: list[tuple[int, int]] = []
    one = import_recordings(layout, sessions=tmp_path / "s1", traces=tmp_path / "t1")
    two = import_recordings(
        layout,
        sessions=tmp_path / "s2",
        traces=tmp_path / "t2",
        n_workers=2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert one == two
    assert told[-1] == (60, 60)
    for name in ("t1", "t2"):
        assert {path.name for path in (tmp_path / name).iterdir()} == {
            path.name for path in (tmp_path / "t1").iterdir()
        }


def test_a_broken_film_fails_alone_and_leaves_nothing(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.avec_recola(tmp_path / "avec", ["train_1", "train_2", "train_3"])
    video = folder / "recordings_video" / "train_2.mp4"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    (folder / "ratings_individual" / "valence" / "train_3.csv").write_text("time;FM1\n0;0.1\n0;0.2\n")
    fates = import_recordings(find_recola(folder), sessions=tmp_path / "s", traces=tmp_path / "t")
    assert states(fates) == ["imported", "failed", "failed"]
    assert "wanted a video file" in fates[1].problem
    assert fates[1].problem.endswith("train_2.mp4")
    assert "wanted times that increase, found 0 s after 0 s" in fates[2].problem
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["recola-train_1"]
    assert not list((tmp_path / "t").glob("recola-train_[23]*"))


def test_two_kinds_of_ratings_are_never_mixed(tmp_path: Path, layout: Layout) -> None:
    where = {"sessions": tmp_path / "s", "traces": tmp_path / "t"}
    import_recordings(layout, **where)
    gold = find_recola(tmp_path / "avec", ratings="gold")
    fates = import_recordings(gold, **where)
    assert states(fates) == ["failed"] * 3
    assert "wanted no other ratings of 'recola-dev_1', found recola-dev_1.F" in fates[0].problem
    assert states(import_recordings(gold, **where, overwrite=True)) == ["imported"] * 3
    assert {trace.rater for trace in read_traces(tmp_path / "t", "recola-dev_1")} == {"gold"}


def test_a_session_of_other_pictures_or_of_another_person_is_not_taken_for_this_one(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    where = {"sessions": tmp_path / "s", "traces": tmp_path / "t"}
    layout = find_video_csv(folder, columns=Columns())
    import_recordings(layout, **where)
    (fate,) = import_recordings(layout, **where, max_fps=2.0)
    assert "at most 2 pictures a second" in fate.problem
    assert "pass --overwrite" in fate.problem
    (folder / "subjects.csv").write_text("video,subject\nanna,S07\n", encoding="utf-8")
    (fate,) = import_recordings(find_video_csv(folder, columns=Columns()), **where)
    assert "wanted to make the session of S07" in fate.problem
    assert "\n" not in fate.problem


def test_changed_ratings_replace_old_ones_only_where_it_is_asked_for(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    where = {"sessions": tmp_path / "s", "traces": tmp_path / "t"}
    layout = find_video_csv(folder, columns=Columns())
    import_recordings(layout, **where)
    (folder / "anna.csv").write_text("time_s,valence,arousal\n0,0.5,0.5\n2,0.5,0.5\n", encoding="utf-8")
    (fate,) = import_recordings(layout, **where)
    assert "found others under the same name; pass --overwrite" in fate.problem
    (fate,) = import_recordings(layout, **where, overwrite=True)
    assert fate.state == "imported"
    assert read_traces(tmp_path / "t", "anna")[0].value.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("last_s", "said"),
    [(1.0, "ratings end at 1.0 s of 2.4 s of film"), (2400.0, "are their times in seconds")],
)
def test_ratings_of_another_length_than_the_film_are_remarked_on(
    tmp_path: Path, corpora: SimpleNamespace, last_s: float, said: str
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    (folder / "anna.csv").write_text(f"time_s,valence,arousal\n0,0,0\n{last_s},0,0\n", encoding="utf-8")
    layout = find_video_csv(folder, columns=Columns())
    (fate,) = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert fate.state == "imported"
    assert said in fate.remark


def test_ratings_of_a_film_whose_name_begins_alike_are_left_alone(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna", "anna.left"])
    where = {"sessions": tmp_path / "s", "traces": tmp_path / "t"}
    import_recordings(find_video_csv(folder, columns=Columns()), **where)
    assert states(import_recordings(find_video_csv(folder, columns=Columns()), **where)) == [
        "there already",
        "there already",
    ]
    (folder / "anna.left.mp4").unlink()
    (folder / "anna.left.csv").unlink()
    import_recordings(find_video_csv(folder, columns=Columns()), **where, overwrite=True)
    assert len(read_traces(tmp_path / "t", "anna.left")) == 2


def test_older_ratings_stand_where_the_film_that_replaces_them_fails(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.video_csv(tmp_path / "v", ["anna"])
    where = {"sessions": tmp_path / "s", "traces": tmp_path / "t"}
    import_recordings(find_video_csv(folder, columns=Columns()), **where)
    (folder / "anna.csv").rename(folder / "anna.B.csv")
    (folder / "anna.mp4").write_bytes(b"torn")
    before = snapshot(tmp_path / "t")
    (fate,) = import_recordings(find_video_csv(folder, columns=Columns()), **where, overwrite=True)
    assert fate.state == "failed"
    assert snapshot(tmp_path / "t") == before
