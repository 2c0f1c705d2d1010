"""Write a golden session with whatever mavfer is imported: `python make_session.py FOLDER`.

Run once per schema, with the code of its day; the folders are then kept for ever, and never written again.
test_golden.py knows every pixel and every time of them by the formulas below.
"""

import sys
from pathlib import Path

import numpy as np

from mavfer.capture.rig import Rig
from mavfer.capture.session import SCHEMA_VERSION, RecorderRecord, SessionRecord, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan

PLAN = Plan(first_tick_ns=10_000_000_000, fps=0.1, n_ticks=8)
RECORDERS = {
    "kinect": (
        StreamSpec(Stream.COLOR, (16, 24, 3), "uint8", "sRGB"),
        StreamSpec(Stream.DEPTH, (10, 12), "uint16", "mm"),
        StreamSpec(Stream.INFRARED, (10, 12), "uint16", "counts"),
    ),
    "thermal": (StreamSpec(Stream.THERMAL, (8, 14), "uint16", "0.04 K"),),
}
AHEAD_NS = 5_000_000_000
DRIFT = 50e-6
"""The thermal recorder's clock reads 5 s and 50 ppm more than the master's; the Kinect's is the master's."""
LATE_NS = {"kinect": 1_000_000, "thermal": 3_000_000}
"""So much after its tick a frame comes, on the master's clock."""
BOOT_ID = {"kinect": "0b-kinect", "thermal": "0b-thermal", "master": "0b-master"}


def pixels_of(spec: StreamSpec, i: int) -> np.ndarray:
    """Return the pixels of frame `i`, smooth enough for JPEG to keep them within a few steps."""
    y, x = np.indices(spec.shape[:2])
    if spec.dtype == "uint16":
        return (1000 * i + 37 * y + 11 * x).astype(np.uint16)
    return np.stack([40 + 4 * x + i, 60 + 5 * y + i, 90 + 2 * (x + y)], axis=-1).astype(np.uint8)


def local_ns(recorder: str, master_ns: int) -> int:
    """Return a time of the master's clock as the recorder's clock shows it."""
    return master_ns + (round(AHEAD_NS + DRIFT * master_ns) if recorder == "thermal" else 0)


def pings_of(recorder: str) -> list[tuple[int, int, int, int]]:
    """Return an exchange every 2 s, 0.1 ms each way."""
    sent = range(9_000_000_000, 83_000_000_000, 2_000_000_000)
    return [(local_ns(recorder, t), t + 100_000, t + 110_000, local_ns(recorder, t + 210_000)) for t in sent]


def write_session(path: Path) -> None:
    """Write the session into the new folder `path`."""
    path.mkdir()
    cameras = {"kinect": {"camera": "simulated_kinect"}, "thermal": {"camera": "simulated_a65"}}
    rig = Rig.model_validate({"name": "golden", "fps": 0.1, "keep": "nearest", "recorders": cameras})
    words: dict[str, object] = {"consent": "C-12, page 3", "protocol": "relax"}
    if SCHEMA_VERSION > 1:
        words = {
            "consent": {"reference": "C-12, page 3", "scope": ["analysis", "archive"]},
            "protocol": {"name": "relax", "steps": [{"name": "video", "seconds": 60}, {"name": "talk"}]},
            "operator": "OP1",
            "notes": "warm room",
            "master": {"address": "tcp://127.0.0.1:5555", "boot_id": BOOT_ID["master"], "host": "desk"},
        }
    record = SessionRecord.model_validate(
        {
            "id": "golden",
            "subject": "S01",
            "rig": "golden",
            "simulated": True,
            "state": "recording",
            "started_utc": "2026-11-21T10:00:00Z",
            "plan": PLAN.model_dump(),
            "n_ticks_planned": PLAN.n_ticks,
            "software": {"mavfer": "golden"},
            "settings": rig.model_dump(mode="json"),
            "recorders": {
                name: {
                    "camera": cameras[name]["camera"],
                    "boot_id": BOOT_ID[name],
                    "fps": 30.0,
                    "streams": [spec.stream.value for spec in specs],
                    "nodes": {"Emissivity": 0.98} if name == "thermal" else {},
                }
                for name, specs in RECORDERS.items()
            },
            **words,
        }
    )
    recorders: dict[str, RecorderRecord] = {}
    for name, specs in RECORDERS.items():
        files = _write_files(path, name, specs, record)
        update = {"files": files, "frames_kept": PLAN.n_ticks, "frames_lost": {}}
        recorders[name] = record.recorders[name].model_copy(update=update)
    update: dict[str, object] = {"state": "complete", "recorders": recorders}
    if SCHEMA_VERSION > 1:
        files = _write_master(path, record)
        update["master"] = record.master.model_copy(update={"files": files})
    write_record(path, record.model_copy(update=update))


def _write_files(
    path: Path, name: str, specs: tuple[StreamSpec, ...], record: SessionRecord
) -> tuple[str, ...]:
    """Write a recorder's files; the Kinect's are two."""
    writer = SessionWriter(path, recorder=name, specs=specs, segment_bytes=16_000)
    _begin(writer, name, record)
    owner = {"master_boot_id": BOOT_ID["master"]} if SCHEMA_VERSION > 1 else {}
    for stamps in pings_of(name) if name == "thermal" else pings_of(name)[:8]:
        writer.add_ping(*stamps, **owner)
    for i, t_ns in enumerate(PLAN.ticks_ns().tolist()):
        host_ns = local_ns(name, t_ns + LATE_NS[name])
        frames = [Frame(spec.stream, pixels_of(spec, i), t_ns, host_ns, 100 + i) for spec in specs]
        writer.append(frames)
        writer.add_counters({"kept": i + 1, "lost": {}}, now_ns=host_ns)
    return writer.finish()


def _begin(writer: SessionWriter, name: str, record: SessionRecord) -> None:
    header: dict[str, object] = {"session": record.model_dump(mode="json")}
    if SCHEMA_VERSION > 1:
        header["boot_id"] = BOOT_ID[name]
    writer.begin(header, now_ns=local_ns(name, PLAN.first_tick_ns))


def _write_master(path: Path, record: SessionRecord) -> tuple[str, ...]:
    """Write the master's own file: markers and an event."""
    from mavfer.capture.payload import EVENTS, MARKERS

    writer = SessionWriter(path, recorder="master", specs=())
    _begin(writer, "master", record)
    for t_ns, label in ((11_000_000_000, "video starts"), (71_000_000_000, "video ends")):
        writer.add_table(MARKERS, {"t_ns": t_ns, "label": label, "source": "operator"}, now_ns=t_ns)
    event = {"t_ns": 30_000_000_000, "kind": "note", "text": "the door opened"}
    writer.add_table(EVENTS, event, now_ns=30_000_000_000)
    return writer.finish()


if __name__ == "__main__":
    write_session(Path(sys.argv[1]))
