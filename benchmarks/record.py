"""What recording costs beside bare encoding, and whether anything is lost: a whole take, but for the sensors.

The recorders, the master, keys and previews are those of the product, over sockets, in processes of their
own; only the cameras are exchanged, for ones that hand out pictures of the simulated rig rendered before.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _prerendered import FPS, SPECS, SUBJECT, Prerendered, load, render
from _wire import record_over_the_wire

from mavfer.capture.disk import require_room
from mavfer.errors import MavferError

BARE_EVERY_S = 0.2
N_CORES = 2
BYTES_PER_SET = 1_300_000  # more than the simulated face takes
RIG = """\
name = "benchmark"
fps = {fps}
keep = "all"
keys = "keys"
[master]
host = "127.0.0.1"
port = {port}
[recorders.kinect]
camera = "video"          # exchanged for Prerendered
path = "none"
host = "127.0.0.2"     # not the loopback's own name: the benchmark starts it, not the master
[recorders.thermal]
camera = "video"
path = "none"
host = "127.0.0.2"
"""


def at_end_of_input(act: Callable[[], None]) -> None:
    """Act when the benchmark closes the pipe to this process."""
    threading.Thread(target=lambda: (sys.stdin.read(), act()), daemon=True).start()


def be_recorder(name: str, work: Path) -> None:
    """Be a recorder of the product with another camera; print how much processor time it took."""
    from mavfer.capture import recorder
    from mavfer.capture.rig import read_rig

    moments = load(work, name)
    recorder.make_camera = lambda *_, clock, **__: Prerendered(name, moments, clock)
    rig = read_rig(work / "rig.toml")
    assert rig.master is not None
    master = f"tcp://{rig.master.host}:{rig.master.port}"
    print("ready", flush=True)
    begun_s = time.process_time()
    at_end_of_input(lambda: signal.raise_signal(signal.SIGTERM))
    recorder.run_recorder(name, rig=rig, master=master, stays=True, folder=work / name)
    print(json.dumps({"cpu_s": time.process_time() - begun_s}))


def be_encoder(work: Path) -> None:
    """Encode the same pictures with the bare libraries, a set now and then until told to end; print the cost.

    Between the sets it sleeps, as a recorder does: both find the caches as the other processes left them.
    """
    import blosc2
    import simplejpeg

    from mavfer.capture.payload import BLOSC2, JPEG_QUALITY

    moments = load(work, *SPECS)
    color = moments.pop("color")

    def encode(i: int) -> None:
        simplejpeg.encode_jpeg(color[i], JPEG_QUALITY, "RGB", "420")
        for stack in moments.values():
            blosc2.compress2(stack[i], **BLOSC2)

    encode(0)
    told_to_end = threading.Event()
    at_end_of_input(told_to_end.set)
    print("ready", flush=True)
    costs_s = []
    while not told_to_end.wait(BARE_EVERY_S):
        begun_s = time.thread_time()
        encode(len(costs_s) % len(color))
        costs_s.append(time.thread_time() - begun_s)
    print(json.dumps({"cpu_s": sum(costs_s), "sets": len(costs_s)}))


class Child:
    """This script in a process of its own, in one of its other parts; ended when the benchmark ends."""

    def __init__(self, part: str, work: Path) -> None:
        command = [sys.executable, __file__, "--be", part, "--work", str(work)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_until_ready(self) -> None:
        """Return when it has loaded its pictures."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"a part of the benchmark did not start: {self.process.args}")

    def result(self) -> dict[str, float]:
        """Tell it to end, and return what it printed last."""
        out, _ = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise SystemExit(f"a part of the benchmark failed: {self.process.args}")
        return json.loads(out.splitlines()[-1])


def free_port() -> int:
    """Return a port that is free together with the two after it."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            try:
                with (
                    socket.create_server(("127.0.0.1", port + 1)),
                    socket.create_server(("127.0.0.1", port + 2)),
                ):
                    pass
            except (OSError, OverflowError):
                continue
        return port


def look_into_files(work: Path, *, wanted: int) -> tuple[int, int, int]:
    """Return how many sets stand in the files, how many frames do not, and how many bytes there are."""
    from mavfer.capture.mcap_reader import McapReader

    ids: dict[str, set[int]] = {spec.stream.value: set() for specs in SPECS.values() for spec in specs}
    n_bytes = 0
    for path in work.glob("*/*/*.mcap"):
        n_bytes += path.stat().st_size
        reader = McapReader(path)
        for channel in reader.channels.values():
            if channel.topic in ids:
                rows = reader.rows[reader.rows["channel"] == channel.id]
                ids[channel.topic] |= {int(number) for number in rows["sequence"]}
        reader.close()
    absent = sum(wanted - len(found) for found in ids.values())
    return len(set.intersection(*ids.values())), absent, n_bytes


def measure(work: Path, *, seconds: float) -> dict[str, float]:
    """Record a take and return what it came to."""
    from mavfer.capture.desk import Desk
    from mavfer.capture.keys import make_keys
    from mavfer.capture.master import record
    from mavfer.capture.rig import read_rig
    from mavfer.capture.status import RecorderStatus

    make_keys(work / "keys", tuple(SPECS))
    (work / "rig.toml").write_text(RIG.format(fps=FPS, port=free_port()))
    waiting: list[int] = []

    def look(statuses: tuple[RecorderStatus, ...]) -> None:
        waiting.extend(status.waiting for status in statuses if status.state == "recording")

    with (
        Child("kinect", work) as kinect,
        Child("thermal", work) as thermal,
        Child("encoder", work) as encoder,
    ):
        for child in (kinect, thermal, encoder):
            child.wait_until_ready()
        begun_s = time.process_time()
        report = record(
            work / "session",
            rig=read_rig(work / "rig.toml"),
            subject=SUBJECT,
            seconds=seconds,
            desk=Desk(),
            previews=True,
            on_status=look,
        )
        master_s = time.process_time() - begun_s
        costs = {"kinect": kinect.result()["cpu_s"], "thermal": thermal.result()["cpu_s"]}
        bare = encoder.result()
    n_sets, n_absent, n_bytes = look_into_files(work, wanted=round(seconds * FPS))
    if n_sets == 0:
        raise SystemExit(f"not one whole set was recorded: {report}")
    ms = {name: 1000 * cost_s / n_sets for name, cost_s in costs.items()}
    recorders_ms, bare_ms = sum(ms.values()), 1000 * bare["cpu_s"] / bare["sets"]
    return {
        "lost": max(report.n_lost, n_absent),
        "sets": n_sets,
        "cpu_over_encode": recorders_ms / bare_ms,
        "cpu_over_encode_with_master": (recorders_ms + 1000 * master_s / n_sets) / bare_ms,
        "encode_ms_per_set": bare_ms,
        "kinect_ms_per_set": ms["kinect"],
        "thermal_ms_per_set": ms["thermal"],
        "master_ms_per_set": 1000 * master_s / n_sets,
        "mb_per_s": n_bytes / 1e6 / seconds,
        "waiting_p99": float(np.percentile(waiting, 99)) if waiting else 0.0,
    }


TABLE = {
    "lost": "frames that are not in the files, or moments that the recorders counted as lost",
    "sets": "moments of which all four streams are in the files",
    "cpu_over_encode": "processor time of both recorders over that of bare encoding; wanted: at most 1.5",
    "cpu_over_encode_with_master": "the same with the master's",
    "encode_ms_per_set": "bare encoding, ms of one core",
    "kinect_ms_per_set": "the recorder of color, depth and infrared, ms of one core",
    "thermal_ms_per_set": "the recorder of thermal, ms of one core",
    "master_ms_per_set": "the master, ms of one core",
    "mb_per_s": "written, 10**6 bytes a second",
    "waiting_p99": "moments that waited to be stored, 99th percentile of what the recorders told",
    "wire_lost": "thermal frames of a simulated A65, over GigE Vision, that are not in the files",
    "wire_frames": "those that are",
    "wire_cpu_percent": "the thermal recorder at 30 frames a second from the wire, % of one core",
    "wire_encode_percent": "bare encoding of these",
    "wire_beyond_encode_percent": "the difference, with packets of 1500 bytes; wanted: at most 10",
    "jumbo_lost": "as above, with packets of 8000 bytes",
    "jumbo_frames": "",
    "jumbo_cpu_percent": "",
    "jumbo_encode_percent": "",
    "jumbo_beyond_encode_percent": "the difference, with packets of 8000 bytes; wanted: at most 10",
}


def main() -> None:
    """Run the benchmark, or one of its parts in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 s instead of 60")
    parser.add_argument("--folder", type=Path, help="where to record; wants 2 GB (a temporary one, else)")
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be is not None:
        if options.be == "encoder":
            be_encoder(options.work)
        else:
            be_recorder(options.be, options.work)
        return
    seconds = options.seconds or (10.0 if options.quick else 60.0)
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:N_CORES])
    try:
        with tempfile.TemporaryDirectory(prefix="mavfer-benchmark-", dir=options.folder) as folder:
            work = Path(folder)
            require_room(work, bytes_per_s=FPS * BYTES_PER_SET, seconds=seconds, reserve_bytes=10**9)
            render(work, n_moments=6 if seconds < 5 else 24)
            found = measure(work, seconds=seconds) | record_over_the_wire(work, seconds=max(3, seconds / 2))
    except MavferError as error:
        raise SystemExit(f"error: {error}") from error
    for key, value in found.items():
        print(f"{key:28} {value:9.2f}  {TABLE[key]}")
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
