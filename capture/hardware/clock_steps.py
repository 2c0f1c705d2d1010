"""Steps about two clocks, the device's and the host's, read from the stamps of frames that were watched."""

import numpy as np

from ..device_clock import MAX_DRIFT
from ..frame_times import BELIEVED_DRIFT
from .bench import Bench, Patience
from .stamps import drift_of, latches_of
from .steps import NOTHING, Outcome, Step, Value, Verdict, signed

LATE_PERIODS = 2.0
USUAL_S = Patience().stream_s
LATCH_MS = 5.0
DELAY_CHANGES_MS = 5.0
"""So much the fastest way of a frame may change meanwhile: a busy machine, a camera that warms up."""
HAS_READINGS = ("flir_a65",)


def _drift(bench: Bench) -> Outcome:
    stamps, read = bench.stamps, latches_of(tuple(bench.watch.readings)).drift
    if len(stamps) < 2:
        return NOTHING
    if read is None and not stamps.tells_device_time:
        return Outcome(
            "doubtful", "the driver hands on no time of the device: its times are those of arrival"
        )
    frames = drift_of(stamps)
    if read is None and frames is None:
        return Outcome("doubtful", f"too few frames in {stamps.span_s:.1f} s to tell{_longer(bench)}")
    found, measured = [], {}
    if read is not None:
        found.append(f"{signed(read[0])} ppm by readings of its clock, known to {read[1]:.1f} (95 %)")
        measured = {"drift_ppm": read[0], "uncertainty_ppm": read[1]}
    if frames is not None:
        unit, sure = ("", "") if read is not None else (" ppm", " (95 %)")
        found.append(
            f"{signed(frames.ppm)}{unit} by the arrivals of frames, "
            f"known to {frames.uncertainty_ppm:.1f}{sure}"
        )
        by_frames = {"drift_ppm": frames.ppm, "uncertainty_ppm": frames.uncertainty_ppm}
        measured |= {f"frames_{name}": value for name, value in by_frames.items()}
        measured = {**by_frames, **measured, "n_clock_steps": frames.n_steps}
        if frames.n_steps:
            found.append(f"a clock jumped {frames.n_steps} times")
    known = measured["uncertainty_ppm"] <= MAX_DRIFT * 1e6 / 2
    if not known:
        found.append(_why_not_better(bench))
    return Outcome(_believed(measured, known=known), "; ".join(found), measured)


def _longer(bench: Bench) -> str:
    """Return the advice to watch longer, where it was watched for less than usual."""
    return f"; watch longer, --seconds {USUAL_S:g}" if bench.streamed_s < 0.9 * USUAL_S else ""


def _why_not_better(bench: Bench) -> str:
    """Return why a drift is not known well enough."""
    if longer := _longer(bench):
        return f"{bench.streamed_s:.0f} s are too short to know it better{longer}"
    return "too many frames came late to know it better"


def _believed(measured: dict[str, float], *, known: bool) -> Verdict:
    """Return what to think of a drift: a clock that is far off counts something else than nanoseconds."""
    far = abs(measured["drift_ppm"]) - measured["uncertainty_ppm"]
    if known and far > BELIEVED_DRIFT * 1e6:
        return "failed"
    return "ok" if known and far <= MAX_DRIFT * 1e6 and not measured.get("n_clock_steps") else "doubtful"


def _readings(bench: Bench) -> Outcome:
    latches = latches_of(tuple(bench.watch.readings))
    if latches.n_readings == 0:
        return Outcome("doubtful", "the camera's clock was never read beside the host's")
    found = (
        f"{latches.n_readings} readings, round trip {latches.median_ms:.2f} ms (median), "
        f"{latches.max_ms:.2f} at most"
    )
    measured: dict[str, Value] = {
        "n_readings": latches.n_readings,
        "round_trip_median_ms": latches.median_ms,
        "round_trip_max_ms": latches.max_ms,
    }
    frames, same_clock = drift_of(bench.stamps), True
    if latches.drift is not None and frames is not None:
        apart_ppm = abs(latches.drift[0] - frames.ppm)
        delay_ppm = DELAY_CHANGES_MS / frames.span_s * 1e3
        same_clock = apart_ppm <= latches.drift[1] + frames.uncertainty_ppm + delay_ppm
        measured["apart_from_frames_ppm"] = apart_ppm
    if not same_clock:
        found += "; the drift that the frames tell is another: are they stamped by this clock?"
    good = same_clock and latches.median_ms <= LATCH_MS
    return Outcome("ok" if good else "doubtful", found, measured)


def _delay(bench: Bench) -> Outcome:
    stamps, drift = bench.stamps, drift_of(bench.stamps)
    if drift is None:
        return Outcome("not done", "wants the device's own times, and more frames")
    median, p99 = (float(one) for one in np.percentile(drift.late_ms, (50, 99)))
    longest = float(drift.late_ms.max())
    measured: dict[str, Value] = {"late_median_ms": median, "late_p99_ms": p99, "late_max_ms": longest}
    found = (
        f"{median:.2f} ms later than the fastest frames in the median, 99 % below {p99:.2f}, "
        f"{longest:.1f} at most"
    )
    known = stamps.transport_ns[stamps.transport_ns > 0]
    if len(known):
        transport_ms = float(np.median(known)) / 1e6
        measured["transport_ms"] = transport_ms
        found += f"; the fastest take {transport_ms:.2f} ms from exposure to arrival"
    else:
        found += "; how long the fastest take is not known"
    slow = p99 > LATE_PERIODS * 1e3 / bench.camera.fps
    return Outcome("doubtful" if slow else "ok", found, measured)


CLOCKS = (
    Step(
        "drift",
        "Clock drift, device against host",
        f"at most {MAX_DRIFT * 1e6:.0f} ppm either way",
        "quartz clocks are specified to 10 to 100 ppm each",
        _drift,
        applies=lambda bench: bench.tells_device_time,
    ),
    Step(
        "clock_readings",
        "Reading the device's clock",
        f"round trip at most {LATCH_MS:g} ms, and about the drift that the frames tell",
        "GenICam SFNC TimestampLatch; 0.04 ms on loopback against the simulated A65",
        _readings,
        applies=lambda bench: bench.kind in HAS_READINGS or (bench.has_watch and bool(bench.watch.readings)),
    ),
    Step(
        "delay",
        "Delay from exposure to arrival",
        f"99 % at most {LATE_PERIODS:g} periods later than the fastest",
        "a longer one is a queue in driver or network",
        _delay,
        applies=lambda bench: bench.tells_device_time,
    ),
)
