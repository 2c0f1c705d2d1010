"""Small sessions and videos for the tests of the capture stage."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.capture.session import RecorderRecord, SessionRecord, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan

DEPTH = StreamSpec(Stream.DEPTH, (12, 16), "uint16", "mm")
COLOR = StreamSpec(Stream.COLOR, (24, 32, 3), "uint8", "sRGB")
THERMAL = StreamSpec(Stream.THERMAL, (10, 14), "uint16", "0.04 K")

MakeVideo = Callable[..., Path]
MakeSession = Callable[..., Path]


def frame_of(spec: StreamSpec, i: int, *, host_ns: int, device_ns: int | None = None) -> Frame:
    """Return frame `i` of a stream; its pixels are noise that depends on `i` and the stream only."""
    rng = np.random.default_rng([i, *spec.stream.encode()])
    top = 255 if spec.dtype == "uint8" else 65535
    pixels = rng.integers(0, top, spec.shape).astype(spec.dtype)
    return Frame(spec.stream, pixels, host_ns if device_ns is None else device_ns, host_ns, i)


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    """Return the function that makes the frames of `make_session`."""
    return frame_of


@pytest.fixture
def small() -> SimpleNamespace:
    """Return the specs of `make_session`: pictures that take no time."""
    return SimpleNamespace(color=COLOR, depth=DEPTH, thermal=THERMAL)


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Return a function that writes a session, one recorder per tuple of specs, frames on the ticks."""

    def make(
        name: str = "take",
        *,
        recorders: dict[str, Sequence[StreamSpec]] | None = None,
        n_ticks: int = 20,
        fps: float = 10.0,
        skip: dict[str, Sequence[int]] | None = None,
        pings: dict[str, Sequence[Sequence[int]]] | None = None,
        shift_ns: dict[str, int] | None = None,
        segment_bytes: int = 2**30,
        finish: bool = True,
        state: str = "complete",
    ) -> Path:
        recorders = recorders or {"kinect": (COLOR, DEPTH), "thermal": (THERMAL,)}
        path = tmp_path / name
        path.mkdir()
        plan = Plan(first_tick_ns=10_000_000_000, fps=fps, n_ticks=n_ticks)
        table = {
            key: RecorderRecord(camera="test", streams=tuple(spec.stream for spec in specs))
            for key, specs in recorders.items()
        }
        record = SessionRecord.model_validate(
            {
                "id": name,
                "subject": "S01",
                "rig": "test",
                "simulated": False,
                "state": "recording",
                "started_utc": "2026-01-01T00:00:00Z",
                "plan": plan,
                "recorders": table,
            }
        )
        write_record(path, record)
        for key, specs in recorders.items():
            writer = SessionWriter(path, recorder=key, specs=specs, segment_bytes=segment_bytes)
            writer.begin({"session": record.model_dump(mode="json")}, now_ns=plan.first_tick_ns)
            for stamps in (pings or {}).get(key, ()):
                writer.add_ping(*stamps)
            wanted = [i for i in range(n_ticks) if i not in (skip or {}).get(key, ())]
            for i in wanted:
                host_ns = plan.tick_ns(i) + (shift_ns or {}).get(key, 0)
                writer.append([frame_of(spec, i, host_ns=host_ns) for spec in specs])
            writer.add_counters({"lost": {}, "kept": len(wanted)}, now_ns=plan.end_ns)
            files = writer.finish()
            table[key] = table[key].model_copy(update={"files": files, "frames_kept": len(wanted)})
        if finish:
            write_record(path, record.model_copy(update={"state": state, "recorders": table}))
        return path

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Return a function that writes a video whose frames have the times given, each of one gray."""
    av = pytest.importorskip("av")

    def make(
        name: str = "film.mkv",
        *,
        times_ms: Sequence[int] = tuple(round(i * 1000 / 30) for i in range(120)),
        size: tuple[int, int] = (64, 48),
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=30)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            for i, t_ms in enumerate(times_ms):
                gray = np.full((size[1], size[0], 3), 20 + 10 * (i % 20), np.uint8)
                frame = av.VideoFrame.from_ndarray(gray, format="rgb24")
                frame.pts, frame.time_base = t_ms, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make
