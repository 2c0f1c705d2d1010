"""Where memory ends, the batch that would have fitted is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.model.training.memory import evenly_shared

LIMITED = """
import resource, sys
from pathlib import Path
from mavfer.errors import ModelError
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train

taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = taken + int(sys.argv[3]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
config = TrainConfig(model="cnn", size="small", steps=1, batch=int(sys.argv[4]), threads=1)
try:
    train(Path(sys.argv[1]), config=config, out=Path(sys.argv[2]))
except ModelError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited as Linux does it")
def test_a_step_that_memory_does_not_hold_names_the_batch_that_fits(make_dataset, tmp_path: Path) -> None:
    path = make_dataset(tmp_path / "d", splits={"S01": "train"}, size_px=48, n_frames=1040)
    command = [sys.executable, "-c", LIMITED, str(path), str(tmp_path / "run"), "350", "64"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "wanted a step of 64 clips, found memory too small for it" in ended.stdout
    said = re.search(
        r"; (1 fits|\d+ fit): pass --batch (\d+) --accumulate (\d+) for the same step", ended.stdout
    )
    assert said is not None, ended.stdout
    assert int(said[2]) * int(said[3]) == 64
    assert ended.stdout.count("\n") == 1
    assert not (tmp_path / "run").exists()


@given(st.integers(1, 500), st.integers(1, 500))
def test_what_does_not_fit_at_once_is_shared_evenly(n_clips: int, most: int) -> None:
    batch, times = evenly_shared(n_clips, most)
    assert batch <= most
    assert n_clips <= batch * times < n_clips + times
    assert evenly_shared(175, 43) == (35, 5)
