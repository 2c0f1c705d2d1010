"""Films and sessions whose frames carry their number as a bar code of black and white fields."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.session import RecorderRecord, SessionRecord, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan

BITS, FIELD_PX, HEIGHT_PX = 10, 32, 240
BASE = Fraction(1, 90_000)


def picture_of(number: int) -> np.ndarray:
    """Return a picture (240, 320, 3) that shows a number in ten fields."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 255, FIELD_PX)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (HEIGHT_PX, len(row), 3)))


def number_in(picture: np.ndarray) -> int:
    """Return the number that a picture of any size shows."""
    height, width = picture.shape[:2]
    at = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return int(sum(int(picture[height // 2, x].mean() > 127) << bit for bit, x in enumerate(at)))


@pytest.fixture
def number_of() -> Callable[[np.ndarray], int]:
    """Return the function that reads a picture's number."""
    return number_in


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a video file with frames at given times, and a tone of 440 Hz."""
    import av

    def make(
        name: str = "face.mp4",
        *,
        times_s: Sequence[float] = tuple(k / 25 for k in range(50)),
        codec: str = "libx264",
        sound_s: tuple[float, float] | None = None,
    ) -> Path:
        path = tmp_path / name
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = BITS * FIELD_PX, HEIGHT_PX, "yuv420p"
            stream.time_base = stream.codec_context.time_base = BASE
            track = container.add_stream("aac", rate=44_100, layout="mono") if sound_s else None
            for number, time_s in enumerate(times_s):
                frame = av.VideoFrame.from_ndarray(picture_of(number), format="rgb24")
                frame.pts, frame.time_base = round(time_s / BASE), BASE
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            if track is not None and sound_s is not None:
                at = np.arange(round(44_100 * (sound_s[1] - sound_s[0]))) / 44_100
                tone = (0.3 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)[None]
                frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                frame.sample_rate, frame.time_base = 44_100, Fraction(1, 44_100)
                frame.pts = round(44_100 * sound_s[0])
                container.mux(track.encode(frame))
                container.mux(track.encode())
        return path

    return make


@pytest.fixture
def make_session(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a session; its color frames are bar codes, `late_s` after the ticks."""

    def make(
        name: str = "take1",
        *,
        n_ticks: int = 30,
        fps: float = 10.0,
        stream: Stream = Stream.COLOR,
        late_s: float = 0.01,
        skip: Sequence[int] = (),
        settings: dict | None = None,
    ) -> Path:
        path = tmp_path / name
        path.mkdir()
        plan = Plan(first_tick_ns=10_000_000_000, fps=fps, n_ticks=n_ticks)
        color = stream is Stream.COLOR
        spec = (
            StreamSpec(stream, (HEIGHT_PX, BITS * FIELD_PX, 3), "uint8", "sRGB")
            if color
            else StreamSpec(stream, (12, 16), "uint16", "mm")
        )
        recorder = RecorderRecord(camera="test", streams=(stream,))
        record = SessionRecord.model_validate(
            {
                "id": name,
                "subject": "S01",
                "rig": "test",
                "simulated": settings is not None,
                "state": "recording",
                "started_utc": "2026-01-01T00:00:00Z",
                "plan": plan,
                "recorders": {"kinect": recorder},
                "settings": settings,
            }
        )
        write_record(path, record)
        writer = SessionWriter(path, recorder="kinect", specs=[spec], segment_bytes=2**30)
        writer.begin({"session": record.model_dump(mode="json")}, now_ns=plan.first_tick_ns)
        wanted = [k for k in range(n_ticks) if k not in skip]
        for k in wanted:
            host_ns = plan.tick_ns(k) + round(late_s * 1e9)
            pixels = picture_of(k) if color else np.full((12, 16), k, np.uint16)
            writer.append([Frame(stream, pixels, host_ns, host_ns, k)])
        writer.add_counters({"lost": {}, "kept": len(wanted)}, now_ns=plan.end_ns)
        kept = recorder.model_copy(update={"files": writer.finish(), "frames_kept": len(wanted)})
        write_record(path, record.model_copy(update={"state": "complete", "recorders": {"kinect": kept}}))
        return path

    return make
