"""Which moments of a board session are searched: those at rest, each place once, whatever the length."""

from types import SimpleNamespace

import numpy as np
import pytest
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

from mavfer.calibrate.solver.ticks import calm_and_different, ticks_at_rest
from mavfer.capture.payload import decode
from mavfer.capture.streams import Stream, StreamSpec
from mavfer.errors import SessionError

SIZE = (24, 30)


def session(places: list[float], *, held: int, moved: int, noise: float = 0.01) -> tuple[np.ndarray, ...]:
    """Return pictures of a bright square that is held at each place and then moved to the next, and times."""
    at = np.concatenate(
        [
            np.concatenate([np.full(held, a), np.linspace(a, b, moved + 2)[1:-1]])
            for a, b in zip(places, [*places[1:], places[-1]], strict=True)
        ]
    )
    column = np.arange(SIZE[1])
    random = np.random.default_rng(0)
    bright = np.clip(4 - np.abs(column - at[:, None]), 0, 1)[:, None, :] * np.ones((1, SIZE[0], 1))
    return (bright + random.normal(0, noise, bright.shape)).astype(np.float32), at, np.arange(len(at)) / 10


def test_each_place_that_is_held_is_searched_once() -> None:
    places = [5.0, 20.0, 12.0, 25.0, 8.0]
    pictures, at, time_s = session(places, held=20, moved=6)
    chosen = calm_and_different([pictures], time_s, n_wanted=100)
    assert sorted(at[i] for i in chosen if at[i] in places) == sorted(places)


def test_the_calmest_come_first() -> None:
    places = [5.0, 20.0, 12.0]
    pictures, at, time_s = session(places, held=20, moved=6)
    chosen = calm_and_different([pictures], time_s, n_wanted=3)
    assert sorted(at[i] for i in chosen) == sorted(places)


def test_a_board_that_lies_still_for_an_hour_is_one_place() -> None:
    pictures, _, time_s = session([10.0], held=3000, moved=0)
    assert len(calm_and_different([pictures], time_s, n_wanted=150)) == 1


def test_a_place_that_only_one_camera_sees_is_searched() -> None:
    one, at, time_s = session([5.0, 20.0, 12.0], held=20, moved=6)
    blind = np.random.default_rng(1).normal(0.5, 0.01, one.shape).astype(np.float32)
    chosen = calm_and_different([blind, one], time_s, n_wanted=100)
    assert {5.0, 20.0, 12.0} <= {float(at[i]) for i in chosen}


def test_moments_without_a_frame_do_no_harm() -> None:
    pictures, at, time_s = session([5.0, 20.0], held=20, moved=6)
    pictures[3:9] = np.nan
    chosen = calm_and_different([pictures, np.full_like(pictures, np.nan)], time_s, n_wanted=100)
    assert {5.0, 20.0} <= {float(at[i]) for i in chosen}


def test_pictures_that_never_change_are_one_place() -> None:
    pictures = np.zeros((50, *SIZE), np.float32)
    assert len(calm_and_different([pictures], np.arange(50) / 10, n_wanted=10)) == 1


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_moments_do_no_harm(n: int) -> None:
    pictures = np.random.default_rng(0).random((n, *SIZE)).astype(np.float32)
    assert len(calm_and_different([pictures], np.arange(n) / 10, n_wanted=5)) == min(n, 1)
    assert ticks_at_rest(None, {Stream.COLOR: np.full(n, -1)}, np.arange(n) / 10, n_wanted=5) == ()


def test_a_camera_at_half_the_rate_still_tells_places_apart() -> None:
    places = [5.0, 20.0, 12.0]
    pictures, at, time_s = session(places, held=20, moved=6)
    blind = np.random.default_rng(1).normal(0.5, 0.01, pictures.shape).astype(np.float32)
    pictures[1::2] = np.nan
    chosen = calm_and_different([blind, pictures], time_s, n_wanted=100)
    assert set(places) <= {float(at[i]) for i in chosen}


@pytest.mark.parametrize(
    "stored", [b"\xff\xff\xff", b"", CompressedImage(data=b"no JPEG").SerializeToString()]
)
def test_a_tick_with_a_frame_that_does_not_decode_is_passed_over(stored: bytes) -> None:
    spec = StreamSpec(Stream.COLOR, (48, 60, 3), "uint8", 10.0)
    damaged = SimpleNamespace(
        payload=lambda *_: (stored, "jpeg 95"), frame=lambda *_: decode(stored, spec, "jpeg 95")
    )
    with pytest.raises(SessionError, match="cannot be decoded"):
        damaged.frame(Stream.COLOR, 0)
    assert ticks_at_rest(damaged, {Stream.COLOR: np.zeros(1, np.int64)}, np.zeros(1), n_wanted=1) == ()
