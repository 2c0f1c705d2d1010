"""Two processes that share a step train as one with both their batches does."""

import json
import subprocess
import sys
from pathlib import Path

import torch

from mavfer.model.checkpoint import open_run, read_run_record
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train


def test_two_gloo_processes_give_what_one_gives_with_the_doubled_batch(
    dataset48: Path, tmp_path: Path
) -> None:
    options = {"model": "cnn", "size": "small", "steps": 5, "threads": 1, "set": {"dropout": 0.0}}
    train(dataset48, config=TrainConfig(**options, batch=4, device="cpu"), out=tmp_path / "one")
    words = [
        str(dataset48),
        "--out",
        str(tmp_path / "two"),
        "--batch",
        "2",
        "--steps",
        "5",
        "--device",
        "cpu",
    ]
    model = ["--model", "cnn", "--size", "small", "--threads", "1", "--set", "dropout=0.0", "--devices", "2"]
    ended = subprocess.run(
        [sys.executable, "-m", "mavfer", "train", *words, *model], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("predicts valence and arousal") == 1
    record = read_run_record(tmp_path / "two")
    assert (record.n_processes, record.n_steps) == (2, 5)
    one, two = (open_run(tmp_path / name).network.state_dict() for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=1e-3, atol=1e-5)
    assert json.loads(record.model_dump_json())["validation_score"] is not None
