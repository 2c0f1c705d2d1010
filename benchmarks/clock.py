"""How well two recorders' clocks are known after a take: `python benchmarks/clock.py [--quick]`.

A master and two recorders, each a process of its own, exchange pings over ZeroMQ on 127.0.0.1 for two
minutes, with the threads that a take uses (`Pinger`, the master's answering loop). The recorders read clocks
that are wrong by a known line. Each pings over two paths at once: the bare loopback, and a proxy process that
holds up every message, each way by itself, by 2 ms + exponential 3 ms, and one in twenty by 5 to 50 ms more.
Afterwards each method carries 1,000 moments of the take from the recorder's clock to the master's; the error
is what it is off by. The named peers are a least squares line through every ping, and the way of Lab
Streaming Layer: the best of each burst's eight pings, and a Huber line through them (pyxdf fits such a line).
The last line is one JSON object: the worse recorder's 99th percentile with mavfer's line, and the peers'.
"""

import argparse
import heapq
import json
import multiprocessing
import random
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from mavfer.capture.clock import LINE_SPAN_NS, SkewedClock, ping_offsets, robust_line, solve_clock
from mavfer.capture.link import MasterLink
from mavfer.capture.pings import PINGS_PER_BURST, Pinger

SKEWS = {"a": (5.0, 50.0), "b": (-12.25, -35.0)}
"""Offset in seconds and drift in ppm of each recorder's clock."""
BASE_S, MEAN_S, SPIKE_SHARE, SPIKE_S = 2e-3, 3e-3, 0.05, (5e-3, 50e-3)
N_MOMENTS = 1000
QUICK_S = 42.0
QUICK_SPAN_NS = 30_000_000_000
WANTED_MS = {"loopback": 0.1, "busy": 0.5}

Pings = NDArray[np.int64]
Method = Callable[[Pings, NDArray[np.int64]], NDArray[np.float64]]
"""Takes pings (N, 4) in order and times (M,) of the recorder's clock; returns these on the master's, ns."""


def run_master(pipe: Connection) -> None:
    """Be the master: answer pings until the pipe speaks."""
    link = MasterLink()
    pipe.send(link.ping_port)
    while not pipe.poll():
        link.receive(0.1)
    link.close()


def run_recorder(
    pipe: Connection, offset_s: float, drift_ppm: float, ports: dict[str, int], seconds: float
) -> None:
    """Be a recorder: ping over every path; send the pings and 1,000 moments as both clocks show them."""
    clock = SkewedClock(round(offset_s * 1e9), drift_ppm)
    context = zmq.Context()
    pings: dict[str, list[tuple[int, int, int, int]]] = {path: [] for path in ports}
    begin_ns = time.monotonic_ns()
    pingers = [
        Pinger(
            context,
            address=f"tcp://127.0.0.1:{port}",
            on_ping=lambda *stamps, path=path: pings[path].append(stamps),
            clock=clock,
        )
        for path, port in ports.items()
    ]
    pipe.poll(seconds)
    for pinger in pingers:
        pinger.stop()
    master_ns = np.linspace(begin_ns, time.monotonic_ns(), N_MOMENTS).astype(np.int64)
    local_ns = [clock.at(t_ns) for t_ns in master_ns.tolist()]
    context.term()
    pipe.send((pings, master_ns.tolist(), local_ns))


def run_proxy(pipe: Connection, port: int, seed: int) -> None:
    """Be the busy path: hold up what passes between a listening socket and the master's."""
    listening = socket.create_server(("127.0.0.1", 0))
    pipe.send(listening.getsockname()[1])
    numbers = iter(range(seed, seed + 1000))

    def accept() -> None:
        while True:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for a, b in ((near, far), (far, near)):
                for end in (a, b):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=pass_on, args=(a, b, next(numbers)), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    pipe.recv()


def pass_on(source: socket.socket, sink: socket.socket, seed: int) -> None:
    """Send everything on, late; what came later never overtakes, as on one connection."""
    rng = random.Random(seed)
    held: list[tuple[float, int, bytes]] = []
    there = threading.Condition()

    def send() -> None:
        while True:
            with there:
                there.wait_for(lambda: bool(held))
                due_s, _, block = heapq.heappop(held)
            time.sleep(max(0.0, due_s - time.monotonic()))
            sink.sendall(block)

    threading.Thread(target=send, daemon=True).start()
    last_s, number = 0.0, 0
    while block := source.recv(65536):
        delay_s = BASE_S + rng.expovariate(1 / MEAN_S)
        if rng.random() < SPIKE_SHARE:
            delay_s += rng.uniform(*SPIKE_S)
        last_s = max(last_s, time.monotonic() + delay_s)
        number += 1
        with there:
            heapq.heappush(held, (last_s, number, block))
            there.notify()


def first_burst(pings: Pings, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return times by the best ping of the first burst, as if no clock drifted."""
    trip, offset, _ = ping_offsets(pings[:PINGS_PER_BURST])
    return local_ns + offset[trip.argmin()]


def last_burst(pings: Pings, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each time by the best ping of the last burst before it: what is known while recording."""
    bursts, ends = best_of_bursts(pings)
    burst = np.clip(np.searchsorted(ends, local_ns) - 1, 0, None)
    return local_ns + ping_offsets(pings[bursts])[1][burst]


def least_squares(pings: Pings, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return times by the least squares line through all pings."""
    _, offset, middle = ping_offsets(pings)
    return on_line(
        np.polyfit((middle - middle[0]) / 1e9, offset - offset[0], 1), middle[0], offset[0], local_ns
    )


def huber(pings: Pings, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return times by a Huber line through the best ping of every burst."""
    _, offset, middle = ping_offsets(pings[best_of_bursts(pings)[0]])
    return on_line(
        robust_line((middle - middle[0]) / 1e9, offset - offset[0]), middle[0], offset[0], local_ns
    )


def mavfer(pings: Pings, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return times by `solve_clock`, which fits a drift to what `--quick` measures as well."""
    return solve_clock(pings, line_span_ns=min(LINE_SPAN_NS, QUICK_SPAN_NS)).apply(local_ns).astype(float)


METHODS: dict[str, Method] = {
    "first burst, no drift": first_burst,
    "best of last burst": last_burst,
    "least squares, all pings": least_squares,
    "Huber line, bursts' best": huber,
    "mavfer, offline": mavfer,
}


def on_line(line: Any, at_ns: int, offset_ns: float, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    slope, value = line
    return local_ns + (offset_ns + value + slope * (local_ns - at_ns) / 1e9)


def best_of_bursts(pings: Pings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which ping is the best of every burst, and when the burst was over on the recorder's clock."""
    burst = np.cumsum(np.diff(pings[:, 0], prepend=pings[0, 0]) > 1e9)
    trip = ping_offsets(pings)[0]
    order = np.lexsort((trip, burst))
    return order[np.unique(burst[order], return_index=True)[1]], np.append(
        pings[np.flatnonzero(np.diff(burst)), 3], pings[-1, 3]
    )


def measure(seconds: float) -> dict[str, tuple[dict[str, list], list[int], list[int]]]:
    """Return what each recorder sent after so many seconds."""
    spawn = multiprocessing.get_context("spawn")
    processes, pipes = [], {}

    def start(name: str, target: Callable[..., None], *args: object) -> Connection:
        pipes[name], theirs = spawn.Pipe()
        process = spawn.Process(target=target, args=(theirs, *args), daemon=True)
        process.start()
        processes.append(process)
        return pipes[name]

    port = start("master", run_master).recv()
    ports = {"loopback": port, "busy": start("proxy", run_proxy, port, 0).recv()}
    for name, (offset_s, drift_ppm) in SKEWS.items():
        start(name, run_recorder, offset_s, drift_ppm, ports, seconds)
    found = {name: pipes[name].recv() for name in SKEWS}
    for name in ("master", "proxy"):
        pipes[name].send("end")
    for process in processes:
        process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_S:g} s instead of 120")
    parser.add_argument("--seconds", type=float, default=120.0)
    arguments = parser.parse_args()
    seconds = QUICK_S if arguments.quick else arguments.seconds
    found = measure(seconds)
    worst: dict[str, float] = {}
    print(f"{seconds:g} s; error in ms, median / p99 / max")
    for path in WANTED_MS:
        print(f"\n{path:26}" + "".join(f"{f'{s:+g} s, {d:+g} ppm':>26}" for s, d in SKEWS.values()))
        for name, method in METHODS.items():
            row = f"{name:26}"
            for pings, master_ns, local_ns in found.values():
                times_ns = method(np.array(pings[path], np.int64), np.array(local_ns, np.int64))
                error_ms = np.abs(times_ns - np.array(master_ns)) / 1e6
                median, p99, largest = np.percentile(error_ms, (50, 99, 100))
                row += f"{f'{median:.3f} / {p99:.3f} / {largest:.3f}':>26}"
                worst[f"{path}/{name}"] = max(worst.get(f"{path}/{name}", 0.0), float(p99))
            print(row)
        for recorder, (pings, _, _) in found.items():
            stamps = np.array(pings[path], np.int64)
            trips_ms = np.percentile(ping_offsets(stamps)[0], (0, 50, 99)) / 1e6
            clock = solve_clock(stamps, line_span_ns=min(LINE_SPAN_NS, QUICK_SPAN_NS))
            print(
                f"  recorder {recorder}: {len(stamps)} pings, round trip least {trips_ms[0]:.3f}, median "
                f"{trips_ms[1]:.3f}, p99 {trips_ms[2]:.3f} ms; drift found {-clock.drift * 1e6:+.3f} ppm, "
                f"residual p99 {clock.residual_ms:.3f} ms"
            )
    if seconds * 1e9 < LINE_SPAN_NS:
        least_s = LINE_SPAN_NS / 1e9
        print(f"\nthe drift is fitted to {seconds:g} s here; in a take it is fitted from {least_s:g} s on")
    result = {f"{path}_p99_ms": round(worst[f"{path}/mavfer, offline"], 4) for path in WANTED_MS}
    peers = {"least_squares": "least squares, all pings", "huber": "Huber line, bursts' best"}
    for key, name in peers.items():
        result |= {f"{path}_{key}_p99_ms": round(worst[f"{path}/{name}"], 4) for path in WANTED_MS}
    print(json.dumps(result | {"seconds": seconds, "wanted_ms": WANTED_MS}))


if __name__ == "__main__":
    main()
