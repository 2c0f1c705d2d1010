import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from mavfer.model.checkpoint import WEIGHTS_NAME
from mavfer.model.tables.jobs import Job
from mavfer.model.tables.running import Crew, Outcome, run_jobs
from mavfer.model.tables.worker import train_and_evaluate
from mavfer.model.training.saving import unfinished
from mavfer.model.training.state import STATE_NAME

MakeJob = Callable[..., Job]
DRIVER = """
import json, sys
from pathlib import Path
from mavfer.model.tables.jobs import Job
from mavfer.model.tables.plan import System
from mavfer.model.tables.running import Crew, run_jobs
from mavfer.model.training.config import TrainConfig

asked = json.loads(sys.argv[1])
config = TrainConfig.model_validate(asked["config"])
job = Job(System("transformer"), None, 0, config, "a", Path(asked["out"]))
run_jobs(
    [job],
    dataset=Path(asked["dataset"]),
    crew=Crew(n_workers=1, threads=1, gpus=(), logs=Path(asked["logs"]), state_every_s=0),
    seconds=None,
    on_outcome=lambda one: None,
    on_progress=lambda share: print(share, flush=True),
    on_message=lambda line: None,
)
"""


def done(
    jobs: Sequence[Job], dataset: Path, logs: Path, *, n_workers: int = 1, seconds: float | None = None
) -> list[Outcome]:
    logs.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    run_jobs(
        jobs,
        dataset=dataset,
        crew=Crew(n_workers=n_workers, threads=1, gpus=(), logs=logs),
        seconds=seconds,
        on_outcome=outcomes.append,
        on_progress=lambda _share: None,
        on_message=lambda _line: None,
    )
    return outcomes


def test_jobs_are_done_side_by_side_and_a_failed_one_stops_no_other(
    folds_dataset: Path, tiny_job: MakeJob, tmp_path: Path
):
    jobs = [
        tiny_job("bad", weights=str(tmp_path / "none.pt")),
        tiny_job("a", split="kfold3", fold=0),
        tiny_job("b", split="kfold3", fold=1),
    ]
    outcomes = {one.job.address: one for one in done(jobs, folds_dataset, tmp_path / "logs", n_workers=2)}
    assert sorted(outcomes) == ["a", "b", "bad"]
    assert "none.pt" in (outcomes["bad"].error or "")
    assert not jobs[0].finished
    for name, job in zip("ab", jobs[1:], strict=True):
        assert outcomes[name].error is None
        assert set(outcomes[name].scores["valence"]) == {"rmse", "cc", "ccc"}
        assert job.finished


def test_no_time_means_no_run_and_a_clean_end(folds_dataset: Path, tiny_job: MakeJob, tmp_path: Path):
    job = tiny_job("a", steps=100_000)
    assert done([job], folds_dataset, tmp_path / "logs", seconds=0.0) == []
    assert not job.folder.exists()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes as Linux can")
def test_a_killed_call_takes_its_workers_along_and_the_next_one_goes_on_to_the_same_weights(
    folds_dataset: Path, tiny_job: MakeJob, tmp_path: Path
):
    job = tiny_job("a", steps=60)
    logs = tmp_path / "logs"
    logs.mkdir()
    asked = {"config": job.config.model_dump(mode="json"), "out": str(job.folder), "logs": str(logs)}
    words = json.dumps(asked | {"dataset": str(folds_dataset)})
    with subprocess.Popen([sys.executable, "-c", DRIVER, words], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        while float(driver.stdout.readline()) == 0:
            pass
        children = Path(f"/proc/{driver.pid}/task").glob("*/children")
        (worker,) = [int(pid) for path in children for pid in path.read_text().split()]
        handle = os.pidfd_open(worker)
        driver.kill()
    ended, _, _ = select.select([handle], [], [], 60)
    os.close(handle)
    assert ended, "the worker outlived the one who gave it the job"
    assert not job.finished
    assert (unfinished(job.folder) / STATE_NAME).is_file()
    (outcome,) = done([job], folds_dataset, logs)
    assert outcome.error is None
    assert job.finished
    whole = tiny_job("whole", steps=60)
    train_and_evaluate(
        {"dataset": folds_dataset, "out": whole.folder, "config": whole.config.model_dump(mode="json")},
        lambda _words: None,
    )
    resumed, at_once = (torch.load(one.folder / WEIGHTS_NAME, weights_only=True) for one in (job, whole))
    assert all(torch.equal(resumed[name], at_once[name]) for name in at_once)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="finds processes as Linux can")
def test_a_worker_that_dies_costs_its_job_alone(folds_dataset: Path, tiny_job: MakeJob, tmp_path: Path):
    jobs = [tiny_job("long", steps=100_000), tiny_job("short")]
    logs = tmp_path / "logs"
    logs.mkdir()
    outcomes: list[Outcome] = []
    killed: list[int] = []

    def kill_the_first(share: float) -> None:
        if share > 0 and not killed:
            (worker,) = [
                int(pid)
                for path in Path(f"/proc/{os.getpid()}/task").glob("*/children")
                for pid in path.read_text().split()
                if b"tables.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]
            killed.append(worker)
            os.kill(worker, 9)

    run_jobs(
        jobs,
        dataset=folds_dataset,
        crew=Crew(n_workers=1, threads=1, gpus=(), logs=logs),
        seconds=None,
        on_outcome=outcomes.append,
        on_progress=kill_the_first,
        on_message=lambda _line: None,
    )
    assert [one.job.address for one in outcomes] == ["long", "short"]
    assert "process died (status -9)" in (outcomes[0].error or "")
    assert outcomes[1].error is None
