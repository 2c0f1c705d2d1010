"""How many scores a second the live road gives on two cores, and how late: `python benchmarks/live.py`.

Cameras of the simulated rig, their pictures rendered before, deliver 30 moments a second in real time; the
live road finds and follows the face, carries depth into color, cuts all streams and scores the newest clip.
Only the cameras are exchanged. First as often as the cameras film, then ten times a second, as
`mavfer predict --live` does, for the latency. The last line is one JSON object.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from _prerendered import FPS, Prerendered

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig
from mavfer.capture.simulated.renderer import KinectView, ThermalView
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.errors import MavferError
from mavfer.model.checkpoint import Run, RunRecord
from mavfer.model.families import NAMES
from mavfer.model.training.config import SIZES, TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.model.use.feed import Feed
from mavfer.model.use.live import LiveReport, LiveScorer, wanted_streams
from mavfer.preprocess.dataset.record import ClipConfig

N_CORES = 2
CLIP_FPS = 4.0  # the paper's
CALM_FPS = 10.0
TABLE = {
    "predictions_per_s": "scores/s, as many as the road gives from cameras of 30/s (wanted: at least 10)",
    "latency_p50_ms": "from exposure to score at 10 looks/s, median",
    "latency_p95_ms": "95th percentile",
    "network_ms": "of these, the network alone on one clip, median",
    "face_share": "share of the rows in which the face was found",
}


def rendered(*, seconds: float) -> dict[str, list[np.ndarray]]:
    """Return moments of the simulated rig, 30 a second, there and back, so that the face never jumps."""
    scene = SceneSettings()
    kinect = KinectView(scene, subject="S01", seconds=60.0)
    thermal = ThermalView(scene, subject="S01", seconds=60.0)
    times = [(i, i / FPS) for i in range(max(8, round(seconds * FPS)))]
    both = [kinect.depth_infrared(t_s, i) for i, t_s in times]
    moments = {
        "color": [kinect.color(t_s, i) for i, t_s in times],
        "depth": [depth for depth, _ in both],
        "infrared": [infrared for _, infrared in both],
        "thermal": [thermal.thermal(t_s, i) for i, t_s in times],
    }
    return {name: [*stack, *stack[-2:0:-1]] for name, stack in moments.items()}


def true_calibration() -> Calibration:
    """Return the simulated rig's own geometry."""
    rig = simulated_rig()
    return Calibration(
        rig="simulated",
        color=rig.color,
        depth=rig.depth,
        thermal=rig.thermal,
        color_from_depth=rig.color_from_depth,
        thermal_from_color=rig.thermal_from_color,
        depth_shift_mm=rig.depth_shift_mm,
    )


def fresh_run(model: str, size: str) -> Run:
    """Return a network with weights that were never trained: they cost what trained ones do."""
    config = TrainConfig.model_validate({"model": model, "size": size})
    recipe = recipe_of(config)
    torch.manual_seed(0)
    network = new_network(recipe.model, recipe.options).eval()
    record = RunRecord(
        model=config.model,
        options=recipe.options.model_dump(mode="json", exclude_none=True),
        inputs=recipe.inputs,
        dimensions=config.dimensions,
        config=config,
        loss=recipe.loss,
        n_parameters=sum(one.numel() for one in network.parameters()),
        dataset="none",
        simulated=True,
        split_by="subject",
        training_subjects=(),
        validation_subjects=(),
        training_means={},
        n_clips=0,
        n_steps=0,
        n_epochs=0,
        kept_epoch=0,
        seconds=0.0,
        device="cpu",
        precision="fp32",
        software={},
        created_utc="",
    )
    return Run(Path("fresh"), record, network)


@contextmanager
def on_cores(n: int) -> Iterator[None]:
    """Keep this process on the first `n` of its cores."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:n])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def film(
    run: Run, moments: dict[str, list[np.ndarray]], *, fps: float, seconds: float, precision: str
) -> LiveReport:
    """Return how a live session of some seconds of scores went."""
    rig = Rig(
        name="simulated",
        recorders={
            "kinect": RecorderSettings(camera="simulated_kinect"),
            "thermal": RecorderSettings(camera="simulated_a65"),
        },
        simulated=SceneSettings(),
    )
    clock = MonotonicClock()
    cameras = {name: Prerendered(name, moments, clock) for name in rig.recorders}
    span_s = (run.record.inputs.n_frames - 1) / CLIP_FPS
    with Feed(rig, streams=wanted_streams(run), seconds=60.0, cameras=cameras) as feed:
        scorer = LiveScorer(
            run,
            feed,
            config=ClipConfig(fps=CLIP_FPS),
            calibration=true_calibration(),
            fps=fps,
            precision=precision,
        )
        return scorer.run(seconds=span_s + seconds, on_score=lambda _: None)


def filmed(
    run: Run, moments: dict[str, list[np.ndarray]], *, fps: float, seconds: float, precision: str
) -> LiveReport:
    """Return what `film` does, tried for longer where a busy machine gave fewer than two scores."""
    for more in (1, 4, 16):
        report = film(run, moments, fps=fps, seconds=more * seconds, precision=precision)
        if report.n_scores >= 2:
            return report
    raise SystemExit("the face was never followed for as long as a clip lasts")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, help="of scores, in each of the two parts")
    parser.add_argument("--model", choices=NAMES, default="mran")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--threads", type=int, default=1, help="of the network; one is left for the face")
    asked = parser.parse_args()
    seconds = asked.seconds or (8.0 if asked.quick else 30.0)
    torch.set_num_threads(asked.threads)
    with on_cores(N_CORES):
        run = fresh_run(asked.model, asked.size)
        moments = rendered(seconds=min(1.0, seconds / 8))
        fast = filmed(run, moments, fps=FPS, seconds=seconds, precision=asked.precision)
        calm = filmed(run, moments, fps=CALM_FPS, seconds=seconds, precision=asked.precision)
    result = {
        "predictions_per_s": round(fast.scores_per_s, 2),
        "latency_p50_ms": round(calm.latency_ms(50), 1),
        "latency_p95_ms": round(calm.latency_ms(95), 1),
        "network_ms": round(float(np.median(calm.network_ms)), 1),
        "face_share": round(calm.n_faces / calm.n_rows, 3),
    }
    print(f"{asked.model}, {asked.size}, {asked.precision}, {asked.threads} thread(s) for the network")
    for key, meaning in TABLE.items():
        print(f"{key:>18} {result[key]:>9}  {meaning}")
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except MavferError as error:
        sys.exit(f"error: {error}")
