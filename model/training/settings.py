"""What is set for the length of a training: seeds, threads, processes, and what numbers are computed in."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import lightning_fabric
import torch

from ...errors import ModelError

RANK_SEEDS = 7919
"""From one process's seed to the next one's: each drops other activations."""


@contextmanager
def torch_settings(*, seed: int, threads: int | None) -> Iterator[None]:
    """Seed torch and set its threads for the block; the caller's state comes back afterwards.

    On a GPU the algorithms that cuDNN chooses are held to those that give one result.
    """
    n_threads = torch.get_num_threads()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn


def new_fabric(accelerator: str, *, devices: int = 1) -> lightning_fabric.Fabric:
    """Return Fabric on one device, or, in a process that torchrun has started, as one of its processes.

    Numbers stay fp32 here: `autocast` says what convolutions are computed in.

    Raises
    ------
    ModelError
        Several devices are asked for in a process that torchrun has not started.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its greeting is no result
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    n_processes = started_processes()
    if n_processes == 1:
        if devices > 1:
            raise ModelError(
                f"wanted {devices} processes, found this one alone; "
                f"start with `torchrun --nproc-per-node {devices} -m mavfer train ...`, "
                f"as `mavfer train --devices {devices}` does"
            )
        return lightning_fabric.Fabric(accelerator=accelerator, devices=1, precision="32-true")
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = lightning_fabric.Fabric(
        accelerator=accelerator,
        devices=here,
        num_nodes=n_processes // here,
        strategy="ddp_find_unused_parameters_true",
        precision="32-true",
    )
    fabric.launch()
    return fabric


def started_processes() -> int:
    """Return how many processes torchrun has started, this one among them; 1 where it has not."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 1
    return int(os.environ.get("WORLD_SIZE", "1"))


def own_rank() -> int:
    """Return the number of this process among them; the first one, 0, writes and speaks."""
    return int(os.environ.get("RANK", "0")) if started_processes() > 1 else 0


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return what computes convolutions and matrix products of the block in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
