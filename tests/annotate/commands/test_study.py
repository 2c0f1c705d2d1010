"""`mavfer study ...` as it is typed: a study made, changed, moved, looked at; and what it refuses."""

import csv
import io
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mavfer.__main__ import main
from mavfer.annotate.store.store import Store, now_ms
from mavfer.annotate.study.study import open_study


@pytest.fixture
def films(tmp_path: Path) -> list[str]:
    """Return six short video files, half a second each, of different gray."""
    paths = []
    for number in range(6):
        path = tmp_path / f"face{number}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for k in range(5):
                gray = np.full((48, 64, 3), 30 * number + 5 * k, np.uint8)
                frame = av.VideoFrame.from_ndarray(gray, format="rgb24")
                frame.pts = k
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        paths.append(str(path))
    return paths


@pytest.fixture
def mavfer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs a command and returns exit status, stdout and stderr."""
    monkeypatch.delenv("MAVFER_DATABASE", raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mavfer", *map(str, words)])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def study(tmp_path: Path, films: list[str], mavfer) -> Path:
    """Return a study of four sessions and six raters in two teams, practising on the fifth."""
    path = tmp_path / "study"
    status, _, err = mavfer("study", "new", path, *films[:4], "--raters", 6, "--practice", films[4])
    assert status == 0, err
    return path


def opened(path: Path) -> Store:
    """Return a study's database, open."""
    found = open_study(path)
    return Store(found.database_url, study_id=found.config.id, key=found.key())


def too_small(folder: Path) -> Path:
    """Return a video file that opens, and that no film can be made of."""
    path = folder / "small.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 8, 8, "yuv420p"
        container.mux(
            stream.encode(av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), format="rgb24"))
        )
        container.mux(stream.encode())
    return path


def everything_in(path: Path) -> set[str]:
    """Return the names in a folder, hidden ones too."""
    return {one.name for one in path.iterdir()}


def test_a_new_study_has_films_raters_and_a_plan(study: Path, mavfer):
    with opened(study) as store:
        assert [one.name for one in store.raters()] == [f"rater{k}" for k in range(1, 7)]
        assert [one.session for one in store.videos()] == ["practice", "face0", "face1", "face2", "face3"]
        assert len(store.assignments()) == 6 * 2 + 4 * 3 * 2
        for video in store.videos():
            assert (study / "videos" / f"{video.id}.mp4").is_file()
    assert everything_in(study) == {"study.toml", "study.key", "study.sqlite", "videos"}
    assert (study / "study.key").stat().st_mode & 0o777 == 0o600
    status, out, _ = mavfer("study", "status", study)
    assert status == 0
    assert "0 of 24 passes done, practice not counted; 4 sessions" in out


def test_a_study_that_is_moved_works_where_it_is(study: Path, films, mavfer, tmp_path: Path):
    moved = tmp_path / "elsewhere" / "study"
    moved.parent.mkdir()
    shutil.move(study, moved)
    assert mavfer("study", "status", moved)[0] == 0
    assert mavfer("study", "add", moved, films[5])[0] == 0
    text = (moved / "study.toml").read_text() + "".join(p.read_text() for p in moved.glob("videos/*.json"))
    assert str(tmp_path) not in text
    status, _, err = mavfer("study", "status", study)
    assert status == 1
    assert "name the folder that it was moved to" in err
    assert err.count("\n") == 1


def test_sessions_added_later_keep_what_is_assigned(study: Path, films, mavfer):
    with opened(study) as store:
        before = store.assignments()
    status, out, err = mavfer("study", "add", study, films[5])
    assert (status, out) == (0, "1 session added, 6 passes assigned\n"), err
    with opened(study) as store:
        after = store.assignments()
    assert set(before) < set(after)
    assert len(after) == len(before) + 6
    status, _, err = mavfer("study", "add", study, films[5])
    assert status == 1
    assert "found 'face5', which the study has" in err


def test_a_rater_leaves_and_another_takes_over_and_the_first_comes_back(study: Path, mavfer):
    assert mavfer("study", "add", study, "--rater", "zoe", "--team", 1)[:2] == (
        0, "rater zoe is in team 1, 0 passes assigned\n",
    )  # fmt: skip
    status, out, err = mavfer("study", "leave", study, "RATER1")
    assert (status, err) == (0, "")
    with opened(study) as store:
        people = {one.name: one for one in store.raters()}
        assert not people["rater1"].active
        assert store.assignments(rater=people["rater1"].id) == ()
        films = {one.id for one in store.videos() if not one.practice}
        zoe = [one for one in store.assignments(rater=people["zoe"].id) if one.video in films]
        assert out == f"rater RATER1 has left, {len(zoe)} passes handed to others\n"
        for film in films:
            assert sum(one.video == film for one in store.assignments()) == 6
    assert "who has left already" in mavfer("study", "leave", study, "rater1")[2]
    status, out, _ = mavfer("study", "add", study, "--rater", "rater1")
    assert status == 0
    assert "rater rater1 is in team 1" in out


def test_without_anyone_to_take_over_it_is_said_which_sessions_are_short(study: Path, mavfer):
    status, out, err = mavfer("study", "leave", study, "rater2")
    assert (status, out) == (0, "rater rater2 has left, 0 passes handed to others\n")
    assert err.count("has 2 raters, fewer than wanted") == 2


def test_what_was_begun_stays_with_a_rater_who_leaves(study: Path, mavfer):
    with opened(study) as store:
        rater = store.raters()[0]
        first = store.assignments(rater=rater.id)[0]
        take, _ = store.takes.open_run(first.id, now_ms=now_ms(), clock_ahead_ms=0, browser="")
    assert mavfer("study", "leave", study, rater.name)[0] == 0
    with opened(study) as store:
        assert [one.take for one in store.assignments(rater=rater.id)] == [take]


def test_links_are_one_for_a_rater_or_a_csv_for_all(study: Path, mavfer):
    status, out, _ = mavfer("study", "invite", study, "rater1", "--address", "https://lab.example/")
    assert status == 0
    assert out.startswith("https://lab.example/enter?token=")
    with opened(study) as store:
        token = out.strip().partition("token=")[2]
        assert store.access.redeem(token, now_ms=now_ms()) is not None
        assert store.access.redeem(token, now_ms=now_ms()) is None
    rows = list(csv.reader(io.StringIO(mavfer("study", "invite", study)[1])))
    assert rows[0] == ["rater", "link"]
    assert [row[0] for row in rows[1:]] == [f"rater{k}" for k in range(1, 7)]
    assert len({row[1] for row in rows}) == 7
    assert mavfer("study", "invite", study, "--address", "lab.example")[0] == 2
    assert mavfer("study", "invite", study, "--address", "https://lab.example/rate")[0] == 2


def test_a_study_whose_database_is_not_there_is_not_shown_as_empty(study: Path, mavfer):
    (study / "study.sqlite").rename(study.parent / "elsewhere.sqlite")
    for words in (("study", "status", study), ("annotate", study), ("traces", "export", study, "--out", "t")):
        status, out, err = mavfer(*words)
        assert (status, out, err.count("\n")) == (1, "", 1), words
        assert "wanted the study's database, found none; name it with --database" in err
    assert not (study / "study.sqlite").exists()


def test_every_command_of_a_study_takes_the_database_that_the_environment_names(
    study: Path, mavfer, monkeypatch
):
    for words in (
        ("study", "status", study),
        ("study", "invite", study),
        ("annotate", study),
        ("traces", "export", study, "--out", "t"),
    ):
        monkeypatch.setenv("MAVFER_DATABASE", "postgresql://me:hushhush@127.0.0.1:1/x")
        status, out, err = mavfer(*words)
        assert (status, out, err.count("\n")) == (1, "", 1), words
        assert "no server answers" in err
        assert "hushhush" not in err


def test_links_lead_to_the_port_or_address_that_annotate_serves(study: Path, mavfer):
    def begin(*given: object) -> tuple[str, str]:
        _, out, err = mavfer("study", "invite", study, "rater1", *given)
        return out.partition("/enter")[0], err

    assert begin()[0] == "http://127.0.0.1:8765"
    assert begin("--port", 9001)[0] == "http://127.0.0.1:9001"
    assert "this machine alone" in begin()[1]
    assert begin("--address", "https://lab.example:9001") == ("https://lab.example:9001", "")
    status, _, err = mavfer("study", "invite", study, "--address", "https://lab.example", "--port", 9001)
    assert (status, err.count("\n")) == (2, 1)


def test_an_invited_rater_has_to_be_one_of_the_study(study: Path, mavfer):
    assert "found 'nobody'; it has rater1, rater2" in mavfer("study", "invite", study, "nobody")[2]


def test_a_rater_may_rate_a_session_anew(study: Path, mavfer):
    with opened(study) as store:
        rater = store.raters()[0]
        films = {one.id: one.session for one in store.videos()}
        one = next(row for row in store.assignments(rater=rater.id) if films[row.video] != "practice")
        session = films[one.video]
        assert "has not begun" in mavfer("study", "again", study, rater.name, session)[2]
        take, _ = store.takes.open_run(one.id, now_ms=now_ms(), clock_ahead_ms=0, browser="")
        store.takes.finish(take, now_ms=now_ms())
    status, out, _ = mavfer("study", "again", study, rater.name, session, "--dimension", one.dimension)
    assert (status, out) == (0, f"rater rater1 rates {session} anew: 1 pass\n")
    with opened(study) as store:
        found = next(row for row in store.assignments(rater=rater.id) if row.id == one.id)
        assert found.state == "waiting"
        assert store.takes.discarded(one.id) == (take,)
    assert "wanted a session of the study, found 'x'" in mavfer("study", "again", study, "rater1", "x")[2]


def test_status_tells_of_clocks_that_are_wrong(study: Path, mavfer):
    with opened(study) as store:
        store.note_clock(store.raters()[1].id, -3_600_000)
    assert "the clock of rater2's machine is 60 min behind" in mavfer("study", "status", study)[1]


def test_a_lost_key_is_made_anew_and_never_over_one_that_is_there(study: Path, mavfer):
    old = (study / "study.key").read_bytes()
    assert "delete it first" in mavfer("study", "key", study)[2]
    (study / "study.key").unlink()
    assert "run `mavfer study key`" in mavfer("study", "status", study)[2]
    assert mavfer("study", "key", study)[0] == 0
    assert (study / "study.key").read_bytes() != old
    assert mavfer("study", "status", study)[0] == 0


REFUSED = {
    "duplicate raters": (["--raters", "Anna,ben,anna"], 1, "found 'Anna' and 'anna'"),
    "a real name": (["--raters", "Anna Smith,b,c", "--teams", "1"], 1, "choose a pseudonym"),
    "too few raters": (["--raters", "a,b,c,d"], 1, "found 2 in team 1"),
    "no names": (["--raters", "a,,b"], 2, "wants names with commas"),
    "zero raters": (["--raters", "0"], 2, "a number from 1 to 200"),
    "a dimension": (["--raters", "6", "--dimensions", "joy"], 2, "found 'joy'"),
    "a pad for one": (
        ["--raters", "6", "--dimensions", "valence", "--mode", "together"], 2, "both dimensions"
    ),
    "sound for nobody": (["--raters", "6", "--sound", "x=y.wav"], 1, "found it for 'x'"),
    "sound without a file": (["--raters", "6", "--sound", "x"], 2, "SESSION=FILE"),
    "no practice": (["--raters", "6", "--practice", "nowhere.mp4"], 1, "wanted a video file, found nothing"),
    "no database": (["--raters", "6", "--database", "mysql://x"], 1, "wanted a database as"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_study_that_cannot_be_made_leaves_nothing_and_says_why_in_one_line(case, films, mavfer, tmp_path):
    options, wanted, words = REFUSED[case]
    before = everything_in(tmp_path)
    status, out, err = mavfer("study", "new", tmp_path / "study", films[0], "--practice", films[4], *options)
    assert (status, out) == (wanted, "")
    assert words in err
    assert err.count("\n") == 1
    assert everything_in(tmp_path) == before


def test_sessions_that_come_twice_and_films_that_are_broken_leave_nothing(films, mavfer, tmp_path: Path):
    other = tmp_path / "other" / "face0.mp4"
    other.parent.mkdir()
    shutil.copy(films[1], other)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(Path(films[1]).read_bytes()[:300])
    before = everything_in(tmp_path)
    for sources, words in (
        ([films[0], other], "found 'face0' twice"),
        ([films[0], films[0]], "found 'face0' twice"),
        ([films[0], tmp_path / "no"], "found nothing"),
        ([films[0], broken], "wanted a video file"),
    ):
        status, _, err = mavfer(
            "study", "new", tmp_path / "study", *sources, "--raters", 6, "--practice", films[4]
        )
        assert status == 1
        assert words in err
        assert err.count("\n") == 1
        assert everything_in(tmp_path) == before


def test_nothing_is_overwritten(study: Path, films, mavfer, tmp_path: Path):
    assert "a study is there already" in mavfer("study", "new", study, films[0], "--raters", 6)[2]
    assert "found one with something in it" in mavfer("study", "new", tmp_path, films[0], "--raters", 6)[2]


def test_a_database_of_ones_own_is_empty_again_when_the_study_fails(films, mavfer, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'own.sqlite'}"
    broken = too_small(tmp_path)
    words = ["--raters", 6, "--practice", films[4], "--database", url]
    assert mavfer("study", "new", tmp_path / "study", films[0], broken, *words)[0] == 1
    status, out, err = mavfer("study", "new", tmp_path / "study", films[0], *words)
    assert status == 0, err
    assert "0 of 6 passes done, practice not counted; 1 session" in out
    assert not (tmp_path / "study" / "study.sqlite").exists()
    status, _, err = mavfer("study", "new", tmp_path / "second", films[0], *words)
    assert status == 1
    assert "found that of study" in err
    assert not (tmp_path / "second").exists()


def test_a_film_that_an_interrupted_addition_has_made_is_taken_as_it_is(study: Path, films, mavfer, tmp_path):
    broken = too_small(tmp_path)
    status, _, err = mavfer("study", "add", study, films[5], broken)
    assert status == 1
    assert "wanted pictures of 16 pixels or more" in err
    (made,) = [p for p in study.glob("videos/*.json") if '"face5"' in p.read_text()]
    assert mavfer("study", "add", study, films[5])[0] == 0
    with opened(study) as store:
        assert [one.id for one in store.videos()][-1] == made.stem
