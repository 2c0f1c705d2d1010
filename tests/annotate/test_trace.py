"""Traces and their files: nothing is lost, and nothing wrong is read."""

import json
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.exchange.events_file import read_events, require_events
from mavfer.annotate.origin import Origin
from mavfer.annotate.takes.log import runs_of
from mavfer.annotate.trace import Trace, read_trace, read_traces, write_trace
from mavfer.errors import OutputError, TraceError


def trace(**changes: object) -> Trace:
    values = {
        "session": "s01-take.1",
        "rater": "anna_2",
        "dimension": "valence",
        "time_s": np.array([0.0, 0.1, 0.35]),
        "value": np.array([-10.0, np.nan, 3.25]),
    }
    return Trace(**{**values, **changes})  # type: ignore[arg-type]


def test_reading_gives_back_what_was_written(tmp_path: Path) -> None:
    written = trace(simulated=True, time_s=np.array([0.1, 1 / 3, 2.0]))
    path = write_trace(tmp_path / "traces", written)
    assert path.name == "s01-take.1.anna_2.valence.csv"
    read = read_trace(path)
    np.testing.assert_array_equal(read.time_s, written.time_s)
    np.testing.assert_array_equal(read.value, written.value)
    assert (read.session, read.rater, read.dimension, read.simulated) == (
        "s01-take.1",
        "anna_2",
        "valence",
        True,
    )


def test_a_trace_of_schema_1_reads_as_it_always_did() -> None:
    folder = Path(__file__).parent / "golden"
    read = read_trace(folder / "golden.r1.arousal.csv")
    assert (read.session, read.rater, read.dimension) == ("golden", "r1", "arousal")
    np.testing.assert_array_equal(read.time_s, [0.0, 0.5, 1.25])
    np.testing.assert_array_equal(read.value, [-3.0, np.nan, 7.0])


def test_a_trace_of_schema_2_reads_as_it_always_did() -> None:
    folder = Path(__file__).parent / "golden"
    read = read_trace(folder / "golden2.r1.valence.csv")
    assert (read.session, read.rater, read.dimension) == ("golden2", "r1", "valence")
    np.testing.assert_array_equal(read.time_s, [7.0, 7.5, 8.25])
    np.testing.assert_array_equal(read.value, [-3.0, 7.0, np.nan])
    made = read.origin
    assert made is not None
    assert (made.source, made.resampling, made.lag_s) == ("mavfer", "last value at frame times", 0)
    assert (made.frames_shown, made.frames_missing, made.complete) == (2, 1, False)
    assert made.comments[0].text == "a door"
    assert made.events is not None
    (chunk,) = read_events(require_events(folder, made.events))
    (run,) = runs_of([chunk])
    assert [event.kind for event in run] == ["value", "playback", "frame", "value", "frame", "comment"]


def test_how_a_trace_was_made_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Origin(source="CARMA", resampling="means", scale=(-100, 100), file="a, \u00fc.csv", lag_s=2.5)
    read = read_trace(write_trace(tmp_path, trace(origin=made)))
    assert read.origin == made
    assert read_trace(write_trace(tmp_path, trace(), overwrite=True)).origin is None


def test_a_header_of_a_newer_version_or_with_unknown_words_is_refused(tmp_path: Path) -> None:
    path = write_trace(tmp_path, trace())
    header = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**header, "schema_version": 3}))
    with pytest.raises(TraceError, match="schema_version: wanted 1 or 2, found 3"):
        read_trace(path)
    path.with_suffix(".json").write_text(json.dumps({**header, "mood": "good"}))
    with pytest.raises(TraceError, match="mood"):
        read_trace(path)


def test_a_csv_without_a_header_is_read_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "my.film.me.arousal.csv"
    path.write_text("time_s,value\n0,1\n0.5,\n1,-2\n")
    read = read_trace(path)
    assert (read.session, read.rater, read.dimension, read.simulated) == ("my.film", "me", "arousal", False)
    np.testing.assert_array_equal(read.value, [1, np.nan, -2])


def test_all_traces_of_a_session_are_found_and_no_others(tmp_path: Path) -> None:
    for session in ("a", "b"):
        for rater in ("r1", "r2"):
            write_trace(tmp_path, trace(session=session, rater=rater))
            write_trace(tmp_path, trace(session=session, rater=rater, dimension="arousal"))
    found = read_traces(tmp_path, "b")
    assert [(one.session, one.rater, one.dimension) for one in found] == [
        ("b", "r1", "arousal"),
        ("b", "r1", "valence"),
        ("b", "r2", "arousal"),
        ("b", "r2", "valence"),
    ]


def test_a_session_without_traces_is_told_which_sessions_have_some(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="found nothing"):
        read_traces(tmp_path / "none", "a")
    with pytest.raises(TraceError, match="session 'a', found no trace at all"):
        read_traces(tmp_path, "a")
    write_trace(tmp_path, trace(session="b"))
    with pytest.raises(TraceError, match="session 'a', found only traces of 'b'"):
        read_traces(tmp_path, "a")


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    write_trace(tmp_path, trace())
    with pytest.raises(OutputError, match="--overwrite"):
        write_trace(tmp_path, trace())
    write_trace(tmp_path, trace(value=np.array([1.0, 2.0, 3.0])), overwrite=True)
    assert read_traces(tmp_path, "s01-take.1")[0].value[0] == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"time_s": np.array([0.0, 0.2, 0.2])}, "times that increase, found 0.2 s after 0.2 s"),
        ({"time_s": np.array([0.0, np.nan, 1.0])}, "finite times"),
        ({"value": np.array([0.0, 11.0, 0.0])}, r"\[-10, 10\], found 11"),
        ({"value": np.array([0.0, np.inf, 0.0])}, r"\[-10, 10\], found inf"),
        ({"value": np.array([0.0])}, "as many times as values"),
        ({"time_s": np.array([]), "value": np.array([])}, "as many times as values"),
        ({"dimension": "joy"}, "valence or arousal, found 'joy'"),
        ({"rater": "a b"}, "found 'a b'"),
    ],
)
def test_what_no_rater_can_have_rated_is_refused(changes: dict, complaint: str) -> None:
    with pytest.raises(TraceError, match=complaint):
        trace(**changes)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "columns time_s,value, found 'nothing'"),
        ("t,v\n0,1\n", "columns time_s,value, found 't,v'"),
        ("time_s,value\n0,1\n1\n", "found '1' in line 3"),
        ("time_s,value\n0,much\n", "found '0,much' in line 2"),
        ("time_s,value\n", "as many times as values"),
        ("time_s,value\n1,2\n0,2\n", "times that increase"),
    ],
)
def test_a_damaged_file_is_refused_with_its_path(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "s.r.valence.csv"
    path.write_text(text)
    with pytest.raises(TraceError, match=complaint) as raised:
        read_trace(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_or_a_wrong_name_or_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="found nothing"):
        read_trace(tmp_path / "s.r.valence.csv")
    nameless = tmp_path / "ratings.csv"
    nameless.write_text("time_s,value\n0,1\n")
    with pytest.raises(TraceError, match=r"SESSION\.RATER\.valence\.csv"):
        read_trace(nameless)
    nameless.with_suffix(".json").write_text(json.dumps({"kind": "gold"}))
    with pytest.raises(
        TraceError, match="found a gold standard; keep gold standards in a folder of their own"
    ):
        read_trace(nameless)
    nameless.with_suffix(".json").write_text(json.dumps({"kind": "session"}))
    with pytest.raises(TraceError, match="wanted the header of a trace"):
        read_trace(nameless)


def test_two_traces_of_one_rater_are_refused(tmp_path: Path) -> None:
    path = write_trace(tmp_path, Trace("s", "A", "valence", np.arange(3.0), np.zeros(3)))
    for suffix in (".csv", ".json"):
        (tmp_path / f"copy.A.valence{suffix}").write_bytes(path.with_suffix(suffix).read_bytes())
    with pytest.raises(TraceError, match=r"one valence trace of rater 'A' for session 's'.*s\.A\.valence"):
        read_traces(tmp_path, "s")
