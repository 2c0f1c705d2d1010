"""What the tests of training share."""

from collections.abc import Callable
from pathlib import Path

import pytest

QUICK = {"model": "cnn", "size": "small", "steps": 6, "batch": 2, "threads": 1}
SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}


@pytest.fixture(scope="session")
def dataset48(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of four subjects whose crops fit the small networks; nobody may write to it."""
    return make_dataset(
        tmp_path_factory.mktemp("training") / "dataset", splits=SPLITS, size_px=48, n_frames=48
    )


@pytest.fixture
def quick() -> dict:
    """Return what makes a training short: six steps of the small CNN."""
    return dict(QUICK)
