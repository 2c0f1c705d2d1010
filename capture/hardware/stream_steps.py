"""Steps that read the stamps of frames while nobody touches the camera: no step here waits for anything."""

import math

from ..monitor.words import health_words
from .bench import Bench
from .clock_steps import CLOCKS, LATE_PERIODS
from .stamps import arrival_fps, counted_flags, gaps_of, intervals_of, order_of, slow_share
from .steps import NOTHING, Outcome, Step, Value, Verdict, percent

RATE_OK, RATE_DOUBTFUL = 0.01, 0.05
LOST_DOUBTFUL = 0.001
THERMAL_CPU, ANY_CPU = 0.10, 1.0


def _rate(bench: Bench) -> Outcome:
    stamps, announced = bench.stamps, bench.camera.fps
    if len(stamps) < 2:
        return NOTHING
    fps = arrival_fps(stamps)
    off = abs(fps / announced - 1)
    verdict: Verdict = "ok" if off <= RATE_OK else "doubtful" if off <= RATE_DOUBTFUL else "failed"
    found = f"{fps:.2f} frames a second, {announced:g} announced"
    slow = slow_share(stamps, announced)
    if slow > 0.5:
        found += "; two periods from frame to frame: a color camera does so in low light"
    measured = {"arrival_fps": fps, "announced_fps": announced, "span_s": stamps.span_s, "slow_share": slow}
    return Outcome(verdict, found, measured)


def _drops(bench: Bench) -> Outcome:
    stamps = bench.stamps
    if len(stamps) < 2:
        return NOTHING
    gaps = gaps_of(stamps)
    share = gaps.n_absent / (len(stamps) + gaps.n_absent)
    verdict: Verdict = "ok" if share == 0 else "doubtful" if share <= LOST_DOUBTFUL else "failed"
    found = f"{gaps.n_absent} of {len(stamps) + gaps.n_absent} frame numbers absent"
    if gaps.n_gaps:
        found += f", in {gaps.n_gaps} places, at most {gaps.longest} at once"
    measured: dict[str, Value] = {
        "n_frames": len(stamps),
        "n_absent": gaps.n_absent,
        "n_gaps": gaps.n_gaps,
        "longest_gap": gaps.longest,
    }
    counters = _counters(bench)
    told = [f"{name.replace('_', ' ')} {n:g}" for name, n in counters.items() if n]
    return Outcome(verdict, "; ".join([found, *told]), {**measured, **counters})


def _counters(bench: Bench) -> dict[str, float]:
    """Return what the device or its driver counted of packets and frames, how much it grew."""
    if not bench.watch.health:
        return {}
    first, last = bench.watch.health[0][1], bench.watch.health[-1][1]
    words = ("incomplete", "resen", "lost", "missing", "dropped", "underrun")
    return {key: last[key] - first.get(key, 0.0) for key in last if any(word in key for word in words)}


def _intervals(bench: Bench) -> Outcome:
    stamps = bench.stamps
    if len(stamps) < 3:
        return NOTHING
    period_ms = 1e3 / bench.camera.fps
    arrival = intervals_of(stamps.host_ns, stamps.frame_id)
    device = intervals_of(stamps.device_ns, stamps.frame_id)
    late = arrival.p99_ms > LATE_PERIODS * period_ms or not arrival.mean_ms > 0
    found = (
        f"arrivals {arrival.mean_ms:.2f} ms apart in the mean, 99 % below {arrival.p99_ms:.2f}, "
        f"longest {arrival.max_ms:.2f}"
    )
    measured = {
        f"{who}_interval_{name}_ms": getattr(one, f"{name}_ms")
        for who, one in (("arrival", arrival), ("device", device))
        for name in ("mean", "median", "p99", "max")
    }
    return Outcome("doubtful" if late else "ok", found, measured)


def _order(bench: Bench) -> Outcome:
    if len(bench.stamps) < 2:
        return NOTHING
    order = order_of(bench.stamps)
    counts = {
        "n_back_ids": order.n_back_ids,
        "n_repeated_ids": order.n_repeated_ids,
        "n_back_times": order.n_back_times,
        "n_repeated_times": order.n_repeated_times,
    }
    if not any(counts.values()):
        return Outcome("ok", "numbers and device times only grow", counts)
    found = (
        f"device time goes back {order.n_back_times} times and stands still {order.n_repeated_times} times; "
        f"numbers go back {order.n_back_ids} times and repeat {order.n_repeated_ids} times"
    )
    return Outcome("failed" if order.n_back_ids or order.n_repeated_ids else "doubtful", found, counts)


def _flags(bench: Bench) -> Outcome:
    stamps = bench.stamps
    if not len(stamps):
        return NOTHING
    counts = counted_flags(stamps)
    measured: dict[str, Value] = {f"n_{flag}": n for flag, n in counts.items()}
    if not counts:
        return Outcome("ok", "no frame carries a flag")
    found = ", ".join(f"{n} frames {flag!r}" for flag, n in counts.items()) + f" of {len(stamps)}"
    often = max(counts.values()) > 0.05 * len(stamps)
    return Outcome("doubtful" if often else "ok", found, measured)


def _cpu(bench: Bench) -> Outcome:
    if math.isnan(bench.cpu_share) or not len(bench.stamps):
        return NOTHING
    limit = THERMAL_CPU if bench.kind in ("flir_a65", "simulated_a65") else ANY_CPU
    found = f"{percent(bench.cpu_share, 1)} of one core while grabbing, no picture decoded"
    measured = {"cpu_share_of_one_core": bench.cpu_share}
    return Outcome("ok" if bench.cpu_share <= limit else "doubtful", found, measured)


def _trouble(bench: Bench) -> Outcome:
    events = [one for one in bench.watch.events if one.kind in ("gone", "error", "ended")]
    if any(one.kind == "gone" for one in events):
        first = next(one for one in events if one.kind == "gone")
        return Outcome("failed", f"the camera went away after {first.at_s:.1f} s: {first.text}")
    if bench.watch.hangs:
        return Outcome("failed", "the camera hangs in a grab that should have come back by itself")
    if events:
        return Outcome("doubtful", f"{events[0].text} ({len(events)} such events, see below)")
    return Outcome("ok", "no error while it streamed")


def _notices(bench: Bench) -> Outcome:
    told = [one.text for one in bench.watch.events if one.kind == "notice"]
    if not told:
        return Outcome("ok", "the camera complains of nothing")
    return Outcome("doubtful", "; ".join(dict.fromkeys(told)), {"n_notices": len(told)})


def _health(bench: Bench) -> Outcome:
    seen = bench.watch.health
    if not seen:
        return Outcome("ok", "the device tells nothing of itself")
    first, last = seen[0][1], seen[-1][1]
    parts = []
    for key, value in last.items():
        label, shown = health_words(key, value)
        before = health_words(key, first.get(key, value))[1]
        parts.append(f"{label} {shown}" if shown == before else f"{label} {before}, then {shown}")
    return Outcome("ok", ", ".join(parts), dict(last))


STREAMING = (
    Step(
        "trouble",
        "Streaming without an error",
        "no error, never away",
        "how recorders use a camera",
        _trouble,
    ),
    Step(
        "rate",
        "Frame rate",
        f"within {percent(RATE_OK)} of what the camera announces; A65: 30 or 9 by model",
        "A65: public scripts, unverified; Kinect v2: 30, color 15 in low light (libfreenect2 #141)",
        _rate,
    ),
    Step(
        "drops", "Frames lost", "no frame number absent", "a number that never came is a lost frame", _drops
    ),
    Step(
        "intervals",
        "Time between frames",
        f"99 % of arrivals within {LATE_PERIODS:g} periods",
        "a frame later than that is missing at its tick",
        _intervals,
    ),
    Step(
        "order",
        "Stamps go forward",
        "no number and no device time goes back or repeats",
        "how recorders use a camera",
        _order,
    ),
    *CLOCKS,
    Step(
        "flags",
        "Flagged frames",
        "few: pictures held while the detector is corrected (nuc), and repeated ones",
        "up to one in twenty is taken as normal",
        _flags,
    ),
    Step(
        "cpu",
        "Processor while grabbing",
        f"thermal at most {percent(THERMAL_CPU)} of one core, others {percent(ANY_CPU)}",
        "the project's own limit",
        _cpu,
    ),
    Step(
        "notices",
        "What the camera complains of",
        "nothing",
        "what an operator would read on the page during a take",
        _notices,
    ),
    Step(
        "health",
        "What the device tells of itself",
        "temperatures that settle",
        "what the operator's page shows beside the camera",
        _health,
    ),
)
