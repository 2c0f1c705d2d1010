"""How much faster clips are fed than a step consumes them: `python benchmarks/feed.py [--quick]`.

A dataset of drawn noise, 96 px with color, depth and thermal, is opened as training opens it. Batches are
made as the loop makes them (stored integers stacked, brought to the device, scaled and augmented there), and
steps are taken as the loop takes them on one batch that lies ready, in turn, on the GPU where there is one.
The last line is one JSON object.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import lightning_fabric
import numpy as np
import torch

from mavfer.capture.streams import Stream
from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipSource
from mavfer.model.training.batches import Sharing, parts_of_step, steps_of_epoch
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.losses import mse
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.model.training.schedule import optimizer_of
from mavfer.model.training.settings import new_fabric
from mavfer.model.training.step import take_step
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import DatasetSession
from mavfer.preprocess.dataset.columns import column_layout

STREAMS = (Stream.COLOR, Stream.DEPTH, Stream.THERMAL)
SIZE_PX = 96
N_FRAMES = 512
ROUNDS = 3


def main() -> None:
    """Print a table and the JSON line."""
    options = _options()
    if options.threads:
        torch.set_num_threads(options.threads)
    config = TrainConfig(
        model=options.model, size="small" if options.quick else "full", precision=options.precision
    )
    recipe = recipe_of(config)
    batch = options.batch or recipe.batch
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder), recipe.inputs)
        fabric = new_fabric("auto")
        torch.manual_seed(0)
        network = new_network(config.model, recipe.options)
        model, optimizer = fabric.setup(network, optimizer_of(network, name="adam", lr=1e-5))
        model.mark_forward_method("training_loss")
        order, chance = np.random.default_rng(0), torch.Generator().manual_seed(0)
        chosen = next(iter(steps_of_epoch(source.training_clips(order), batch, order)))

        def feed() -> object:
            make = parts_of_step(
                source, chosen, Sharing(batch), network=network, chance=chance, device=fabric.device
            )[0]
            return make()

        ready = parts_of_step(
            source, chosen, Sharing(batch), network=network, chance=chance, device=fabric.device
        )[0]()

        def step() -> object:
            return take_step(
                fabric, model, optimizer, [lambda: ready], loss=mse, precision=recipe.precision, step=0
            )

        seconds = max(0.5, options.seconds / (2 * ROUNDS))
        pairs = [(_rate(feed, seconds, fabric), _rate(step, seconds, fabric)) for _ in range(ROUNDS)]
    fed, stepped = (batch * median(rates) for rates in zip(*pairs, strict=True))
    found = {"feed_over_step": fed / stepped, "feed_clips_per_s": fed, "step_clips_per_s": stepped}
    about = f"{config.model} {config.size}, {recipe.precision}, batch {batch}, {fabric.device}"
    print(f"{about}: medians of {ROUNDS} rounds")
    for name, value in found.items():
        print(f"{name:>20} {value:10.2f}")
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


def _rate(call, seconds: float, fabric: lightning_fabric.Fabric) -> float:
    """Return calls per second, after one that is not counted."""
    call()
    _wait(fabric)
    n, started = 0, time.perf_counter()
    while n == 0 or time.perf_counter() - started < seconds:
        call()
        n += 1
    _wait(fabric)
    return n / (time.perf_counter() - started)


def _wait(fabric: lightning_fabric.Fabric) -> None:
    if fabric.device.type == "cuda":
        torch.cuda.synchronize(fabric.device)


def _source(folder: Path, inputs: InputOptions) -> ClipSource:
    path, rng = folder / "noise.h5", np.random.default_rng(0)
    columns = {
        name: np.zeros((N_FRAMES, *column.shape), column.dtype)
        for name, column in column_layout(size_px=SIZE_PX, streams=STREAMS).items()
    }
    columns["color"] = rng.integers(0, 256, columns["color"].shape, np.uint8)
    columns["depth"] = rng.integers(600, 900, columns["depth"].shape, np.uint16)
    columns["thermal"] = rng.integers(30000, 31000, columns["thermal"].shape, np.uint16)
    columns |= {f"valid_{stream}": np.ones(N_FRAMES, bool) for stream in STREAMS}
    columns |= {name: rng.uniform(-1, 1, N_FRAMES).astype(np.float32) for name in ("valence", "arousal")}
    with SessionWriter(path, n_frames=N_FRAMES, size_px=SIZE_PX, streams=STREAMS) as writer:
        writer.write(0, columns)
    session = DatasetSession("noise", "noise", "S01", "train", 0, N_FRAMES, 4.0, STREAMS, path)
    return ClipSource([session], options=inputs, dimensions=("valence", "arousal"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small network")
    parser.add_argument("--seconds", type=float, help="in all (60; --quick: 20)")
    parser.add_argument("--model", default="mran")
    parser.add_argument("--batch", type=int, help="else the preset's")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.seconds is None:
        options.seconds = 20.0 if options.quick else 60.0
    elif options.seconds <= 5:
        options.quick = True
    return options


if __name__ == "__main__":
    main()
