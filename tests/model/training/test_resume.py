"""A training that was killed goes on as if it had not been."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mavfer.errors import ModelError
from mavfer.model.checkpoint import open_run
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.saving import unfinished
from mavfer.model.training.state import STATE_NAME
from mavfer.model.training.train import train

KILLED = """
import os, signal, sys
from pathlib import Path
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train

def stop(done, planned):
    if done == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

config = TrainConfig.model_validate_json(sys.argv[3])
train(Path(sys.argv[1]), config=config, out=Path(sys.argv[2]), state_every_s=0, resume=True, on_progress=stop)
"""


def killed(dataset: Path, out: Path, config: TrainConfig, *, at: int) -> None:
    command = [sys.executable, "-c", KILLED, str(dataset), str(out), config.model_dump_json(), str(at)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_training_killed_twice_ends_with_the_weights_of_one_that_was_not(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    config = TrainConfig(**quick | {"steps": 9, "modality_dropout": 0.2, "accumulate": 1})  # 3 an epoch
    train(dataset48, config=config, out=tmp_path / "whole")
    out = tmp_path / "killed"
    killed(dataset48, out, config, at=2)
    assert not out.exists()
    assert (unfinished(out) / STATE_NAME).is_file()
    killed(dataset48, out, config, at=7)
    said: list[str] = []
    train(dataset48, config=config, out=out, resume=True, on_message=said.append)
    assert "going on after step 7" in said
    assert not unfinished(out).exists()
    whole, resumed = open_run(tmp_path / "whole"), open_run(out)
    wanted, found = whole.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert (whole.record.kept_epoch, whole.record.n_steps) == (
        resumed.record.kept_epoch,
        resumed.record.n_steps,
    )
    for a, b in zip(*(_history(tmp_path / name) for name in ("whole", "killed")), strict=True):
        assert a == b


def test_a_state_of_another_training_and_a_damaged_one_are_refused_and_kept(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(dataset48, config=TrainConfig(**quick), out=out, state_every_s=0, on_progress=stop)
    other = TrainConfig(**quick | {"lr": 0.5})
    with pytest.raises(ModelError, match=r"wanted to go on with lr None as before, found 0\.5"):
        train(dataset48, config=other, out=out, resume=True)
    state = unfinished(out) / STATE_NAME
    assert state.is_file()
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(ModelError, match="found a damaged file"):
        train(dataset48, config=TrainConfig(**quick), out=out, resume=True)
    assert state.is_file()


def test_resuming_where_nothing_stands_begins(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    assert (
        train(dataset48, config=TrainConfig(**quick), out=tmp_path / "run", resume=True).record.n_steps == 6
    )


def _history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
