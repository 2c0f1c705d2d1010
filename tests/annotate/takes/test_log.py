"""Stored chunks become runs, and a gap between them is a gap."""

import json

import numpy as np
import pytest

from mavfer.annotate.store.records import StoredChunk
from mavfer.annotate.study.films import Film
from mavfer.annotate.takes.log import runs_of
from mavfer.annotate.takes.replay import replay
from mavfer.errors import StudyError

FILM = Film("s", "a film", "0" * 64, 1, 1, False, np.arange(30) / 25, np.arange(30) / 25, 1.2)


def chunk(number: int, events: list[dict], *, run: int = 0) -> StoredChunk:
    return StoredChunk(run, number, 0, json.dumps({"wall_ms": 0, "events": events}).encode())


def frames(*which: int) -> list[dict]:
    return [{"kind": "frame", "t_ms": 100 + 40.0 * k, "media_s": k / 25, "presented": k} for k in which]


def value(t_ms: float, valence: float, source: str = "mouse") -> dict:
    return {"kind": "value", "t_ms": t_ms, "source": source, "valence": valence}


BEGIN = [value(0, 1, "start"), {"kind": "playback", "t_ms": 50, "what": "play", "media_s": 0}]


def test_chunks_in_any_order_are_one_run() -> None:
    chunks = [chunk(2, frames(2, 3)), chunk(0, BEGIN), chunk(1, frames(0, 1)), chunk(0, [], run=1)]
    assert [len(run) for run in runs_of(chunks)] == [6, 0]
    assert runs_of(()) == []


def test_after_a_lost_chunk_nothing_is_rated_until_a_value_is_told_and_its_arrival_mends_all() -> None:
    lost = chunk(2, [*frames(10), value(510, 7), *frames(11, 12)])
    rest = [chunk(0, BEGIN), chunk(1, frames(*range(10))), chunk(3, [*frames(*range(13, 20)), value(895, 4)])]
    rest.append(chunk(4, frames(*range(20, 30))))
    found = replay(runs_of(rest), FILM, ["valence"])
    np.testing.assert_array_equal(found.value["valence"], [1] * 10 + [np.nan] * 10 + [4] * 10)
    whole = replay(runs_of([*rest, lost]), FILM, ["valence"])
    np.testing.assert_array_equal(whole.value["valence"], [1] * 11 + [7] * 9 + [4] * 10)


def test_a_chunk_of_another_version_is_told_in_one_line() -> None:
    with pytest.raises(StudyError, match="chunk 3 of run 2 of a take cannot be read"):
        runs_of([chunk(3, [{"kind": "smell", "t_ms": 0}], run=2)])
