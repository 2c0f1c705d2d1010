"""A process that trains and evaluates one job after another: `python -m mavfer.model.tables.worker`.

Jobs come as lines of JSON on stdin; what comes of them goes out as lines of JSON. When stdin ends, whoever
gave the jobs is gone or wants no more: the process ends at once, in the midst of a step. The training's state
is on disk, and it goes on from there when it is asked for again.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

from ...errors import MavferError, ModelError
from ..checkpoint import RUN_NAME
from ..training.config import TrainConfig
from ..training.saving import EVERY_S, unfinished
from ..training.state import STATE_NAME

FASTEST_S = 0.5
"""Between two words of progress."""

Answer = Callable[[dict[str, Any]], None]


def main() -> None:
    """Do the jobs that come on stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who is interrupted is the one who gives the jobs
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer

    def answer(words: dict[str, Any]) -> None:
        try:
            channel.write(json.dumps(words) + "\n")
        except BrokenPipeError:
            os._exit(0)

    jobs: Queue[str] = Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    _set_threads()
    while True:
        _do(json.loads(jobs.get()), answer)


def _listen(jobs: "Queue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _set_threads() -> None:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def _do(job: dict[str, Any], answer: Answer) -> None:
    try:
        answer({"done": train_and_evaluate(job, answer)})
    except MavferError as error:
        answer({"failed": str(error)})
    except Exception as error:  # a defect ends one job, not the night; its traceback is in the log
        traceback.print_exc()
        answer({"failed": f"{type(error).__name__}: {error}; its traceback stands in the worker's log"})


def train_and_evaluate(job: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Bring one run to its end, from wherever it stands, and return its scores and seconds.

    Parameters
    ----------
    job : "dataset", "out" (the run's folder), "config" (a TrainConfig) and maybe "state_every_s"
    answer : told {"progress": share between 0 and 1} and {"message": line}
    """
    from ..evaluation.evaluate import evaluate
    from ..training.train import train

    config = TrainConfig.model_validate(job["config"])
    out, started_s = Path(job["out"]), time.monotonic()
    last_s = 0.0

    def progress(from_share: float, to_share: float) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            nonlocal last_s
            if time.monotonic() - last_s >= FASTEST_S:
                last_s = time.monotonic()
                answer({"progress": from_share + (to_share - from_share) * done / max(total, 1)})

        return tell

    def bring_to_its_end(*, resume: bool) -> None:
        train(
            Path(job["dataset"]),
            config=config,
            out=out,
            resume=resume,
            overwrite=not resume,
            state_every_s=job.get("state_every_s", EVERY_S),
            on_progress=progress(0.0, 0.9),
            on_message=lambda line: answer({"message": line}),
        )

    if not (out / RUN_NAME).is_file():
        try:
            bring_to_its_end(resume=True)
        except ModelError as error:
            if not (unfinished(out) / STATE_NAME).is_file():  # a training that failed takes its state along
                raise
            answer({"message": f"begins again: {error}"})
            bring_to_its_end(resume=False)
    found = evaluate(
        out,
        dataset=Path(job["dataset"]),
        split_name=config.split,
        fold=config.fold,
        device=config.device,
        on_progress=progress(0.9, 1.0),
    )
    return {"scores": found.scores, "seconds": time.monotonic() - started_s}


if __name__ == "__main__":
    main()
