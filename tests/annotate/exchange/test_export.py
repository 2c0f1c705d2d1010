"""The ratings of a study as traces: whose, when, how made, and made again from their events."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.exchange.bring_in import bring_in_traces, looked_over
from mavfer.annotate.exchange.events_file import read_events, require_events
from mavfer.annotate.exchange.export import export_traces
from mavfer.annotate.store.records import Assignment
from mavfer.annotate.store.store import Store
from mavfer.annotate.study.films import read_film, write_film
from mavfer.annotate.study.study import Study
from mavfer.annotate.takes.log import runs_of
from mavfer.annotate.takes.replay import replay
from mavfer.annotate.trace import read_trace, read_traces
from mavfer.errors import OutputError, StudyError, TraceError

MakeStudy = Callable[..., tuple[Study, Store]]


def rate(store: Store, one: Assignment, *, until: int = 100, value: float = 2, finish: bool = True) -> str:
    """Rate frames 0 to `until` of an assignment, with one move at frame 50, and return the take."""
    take, run = store.takes.open_run(one.id, now_ms=1_700_000_000_000, clock_ahead_ms=250, browser="Mozilla")
    names = one.dimensions
    begin = [
        {"kind": "value", "t_ms": 0, "source": "start", **dict.fromkeys(names, 0)},
        {"kind": "playback", "t_ms": 90, "what": "play", "media_s": 0},
        {"kind": "value", "t_ms": 99 + 40 * 50, "source": "key", **dict.fromkeys(names, value)},
        {"kind": "comment", "t_ms": 2100, "media_s": 2.0, "text": "schön; a door"},
    ]
    frames = [
        {"kind": "frame", "t_ms": 100 + 40 * k, "media_s": k / 25, "presented": k}
        for k in range(until)
        if k != 7
    ]
    for number, events in enumerate((begin, frames)):
        body = json.dumps({"wall_ms": 1, "events": events}).encode()
        store.takes.append(take, run, number, body, now_ms=1_700_000_000_500)
    if finish:
        store.takes.finish(take, now_ms=1_700_000_009_000)
    return take


def test_a_rating_becomes_a_trace_at_the_film_s_own_times(make_study: MakeStudy, tmp_path: Path) -> None:
    study, store = make_study(raters=2, films=2)
    person = store.raters()[0]
    for one in store.assignments(rater=person.id):
        if one.position in (1, 4):  # take1, valence and arousal
            rate(store, one)
    film = next(video for video in store.videos() if video.session == "take1")
    record = read_film(study.videos / f"{film.id}.json")
    late = type(record)(
        **{name: getattr(record, name) for name in record.__slots__} | {"time_s": record.media_s + 7}
    )
    write_film(study.videos / f"{film.id}.json", late)
    told: list[tuple[int, int]] = []
    done = list(export_traces(study, store, tmp_path / "out", on_progress=lambda *now: told.append(now)))
    assert told == [(number, len(done)) for number in range(len(done))]
    assert [one.fate for one in done].count("written") == 2
    assert {one.session for one in done} == {"take1", "take2"}  # practice is no result
    arousal, valence = read_traces(tmp_path / "out", "take1")
    assert (valence.rater, valence.dimension, arousal.dimension) == ("rater1", "valence", "arousal")
    np.testing.assert_array_equal(valence.time_s, late.time_s)
    np.testing.assert_array_equal(valence.value, [0] * 50 + [2] * 50)
    made = valence.origin
    assert made is not None
    assert (made.complete, made.frames_shown, made.frames_skipped, made.frames_missing) == (True, 99, 1, 0)
    assert (made.study, made.film_sha256, made.lag_s) == (study.config.id, film.sha256, 0)
    assert (made.devices, made.clock_ahead_ms, made.openings) == ({"key": 1}, 250, 1)
    assert (made.started_utc, made.finished_utc) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:29Z")
    assert [(one.time_s, one.text) for one in made.comments] == [(9.0, "schön; a door")]


def test_a_trace_can_be_made_again_from_its_events(make_study: MakeStudy, tmp_path: Path) -> None:
    study, store = make_study(raters=1, films=1, mode="together")
    one = store.assignments()[1]
    rate(store, one)
    list(export_traces(study, store, tmp_path))
    arousal, valence = read_traces(tmp_path, "take1")
    assert valence.origin is not None
    assert valence.origin.events is not None
    assert arousal.origin is not None
    assert valence.origin.events == arousal.origin.events
    chunks = read_events(require_events(tmp_path, valence.origin.events))
    film = read_film(study.videos / f"{one.video}.json")
    again = replay(runs_of(chunks), film, one.dimensions)
    np.testing.assert_array_equal(again.value["valence"], valence.value)
    np.testing.assert_array_equal(again.value["arousal"], arousal.value)


def test_incomplete_ratings_are_left_out_unless_asked_and_then_marked(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study, store = make_study(raters=1, films=1)
    one = store.assignments()[1]
    rate(store, one, until=60, finish=False)
    fates = {exported.assignment.id: exported for exported in export_traces(study, store, tmp_path)}
    assert fates[one.id].fate == "incomplete"
    assert fates[one.id].missing_s == pytest.approx(1.6)
    assert not list(tmp_path.glob("*.csv"))
    list(export_traces(study, store, tmp_path, incomplete=True, events=False))
    (trace,) = read_traces(tmp_path, "take1")
    assert np.isnan(trace.value[60:]).all()
    assert not np.isnan(trace.value[:60]).any()
    assert trace.origin is not None
    assert (trace.origin.complete, trace.origin.frames_missing) == (False, 40)
    assert trace.origin.finished_utc is None
    assert trace.origin.events is None


def test_only_what_is_asked_for_is_exported(make_study: MakeStudy, tmp_path: Path) -> None:
    study, store = make_study(raters=2, films=2)
    for one in store.assignments():
        rate(store, one)
    list(export_traces(study, store, tmp_path / "a", sessions=["take2"], raters=["rater2"], events=False))
    assert sorted(path.name for path in (tmp_path / "a").glob("*.csv")) == [
        "take2.rater2.arousal.csv",
        "take2.rater2.valence.csv",
    ]
    list(export_traces(study, store, tmp_path / "b", practice=True, sessions=["practice"], events=False))
    assert len(list((tmp_path / "b").glob("practice.*.csv"))) == 4
    with pytest.raises(StudyError, match="rater of the study, found 'nobody'; it has 'rater1', 'rater2'"):
        list(export_traces(study, store, tmp_path / "c", raters=["nobody"]))
    with pytest.raises(StudyError, match="session of the study, found 'practice'"):
        list(export_traces(study, store, tmp_path / "c", sessions=["practice"]))


def test_the_same_study_gives_the_same_bytes_and_nothing_is_overwritten(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study, store = make_study(raters=1, films=1)
    for one in store.assignments():
        rate(store, one)
    list(export_traces(study, store, tmp_path / "a"))
    list(export_traces(study, store, tmp_path / "b"))
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    (tmp_path / "a" / "take1.rater1.valence.csv").unlink()
    with pytest.raises(OutputError, match="--overwrite"):
        list(export_traces(study, store, tmp_path / "a"))
    assert not (tmp_path / "a" / "take1.rater1.valence.csv").exists()
    list(export_traces(study, store, tmp_path / "a", overwrite=True))
    assert (tmp_path / "a" / "take1.rater1.valence.csv").exists()


def test_a_film_that_is_not_the_one_that_was_rated_is_refused(make_study: MakeStudy, tmp_path: Path) -> None:
    study, store = make_study(raters=1, films=1)
    one = store.assignments()[1]
    rate(store, one)
    path = study.videos / f"{one.video}.json"
    text = path.read_text()
    path.write_text(text.replace(read_film(path).sha256, "f" * 64))
    with pytest.raises(StudyError, match="'take1' that was rated, found another of SHA-256 ffffffffffff"):
        list(export_traces(study, store, tmp_path / "out"))


def test_traces_are_brought_in_with_their_events_and_damaged_ones_are_named(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study, store = make_study(raters=1, films=1)
    for one in store.assignments():
        rate(store, one)
    out, own = tmp_path / "out", tmp_path / "own"
    list(export_traces(study, store, out))
    traces, troubles = looked_over(out)
    assert (len(traces), troubles) == (2, [])
    bring_in_traces(out, traces, own)
    for path in out.iterdir():
        assert (own / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        bring_in_traces(out, traces, own)
    (out / "take1.rater1.valence.events.json").write_text("{}")
    (out / "take1.rater1.arousal.csv").write_text("time_s,value\n0,12\n")
    traces, troubles = looked_over(out)
    assert traces == []
    assert len(troubles) == 2
    assert "found 12; mend or leave out" in str(troubles[0])
    assert "wanted the events of SHA-256" in str(troubles[1])
    with pytest.raises(TraceError, match="wanted the events of a take"):
        read_events(out / "take1.rater1.valence.events.json")
    (out / "take1.rater1.valence.events.json").unlink()
    assert "bring the file back" in str(looked_over(out)[1][1])
    with pytest.raises(TraceError, match="found nothing"):
        looked_over(tmp_path / "none")
    with pytest.raises(TraceError, match="found none"):
        looked_over(study.videos)


def test_a_trace_without_any_header_is_brought_in_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "film.me.arousal.csv").write_text("time_s,value\n0,1\n0.5,\n1,-2\n")
    traces, _ = looked_over(tmp_path / "own")
    bring_in_traces(tmp_path / "own", traces, tmp_path / "out")
    read = read_trace(tmp_path / "out" / "film.me.arousal.csv")
    np.testing.assert_array_equal(read.value, [1, np.nan, -2])
