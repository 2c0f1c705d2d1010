"""What the tests of model.use look at: a simulated session, its calibration, and runs with fresh weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.master import record
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.model.checkpoint import RunRecord, path_from, write_run
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of

SECONDS = 3.2
SUBJECT = "S01"


def write_fresh_run(path: Path, *, dataset: Path, n_classes: int = 0, seed: int = 0, **config: Any) -> Path:
    """Write a run of the small size whose weights were never trained, said to have learned from `dataset`."""
    asked = TrainConfig.model_validate({"size": "small", "dimensions": ["valence", "arousal"], **config})
    recipe = recipe_of(asked, n_classes=n_classes)
    torch.manual_seed(seed)
    network = new_network(recipe.model, recipe.options)
    written = RunRecord(
        model=asked.model,
        options=recipe.options.model_dump(mode="json", exclude_none=True),
        inputs=recipe.inputs,
        dimensions=() if n_classes else asked.dimensions,
        classes=tuple(f"class{k}" for k in range(n_classes)),
        config=asked,
        loss=recipe.loss,
        n_parameters=sum(one.numel() for one in network.parameters()),
        dataset=path_from(path, dataset),
        dataset_sha256="0" * 64,
        simulated=True,
        split_by="subject",
        training_subjects=("S01", "S02"),
        validation_subjects=("S03",),
        training_means={},
        n_clips=1,
        n_steps=0,
        n_epochs=0,
        kept_epoch=0,
        seconds=0.0,
        device="cpu",
        precision="fp32",
        software={},
        created_utc="2026-01-01T00:00:00Z",
    )
    path.mkdir(parents=True)
    write_run(path, record=written, state=network.state_dict(), history=[{"epoch": 0.0}])
    return path


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Return `write_fresh_run`."""
    return write_fresh_run


@pytest.fixture(scope="session")
def rig() -> Rig:
    """The simulated rig on a virtual clock."""
    return Rig(
        name="simulated",
        recorders={
            "kinect": RecorderSettings(camera="simulated_kinect"),
            "thermal": RecorderSettings(camera="simulated_a65"),
        },
        simulated=SceneSettings(clock="virtual"),
    )


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    """The simulated rig's true geometry."""
    truth = simulated_rig()
    return Calibration(
        rig="simulated",
        color=truth.color,
        depth=truth.depth,
        thermal=truth.thermal,
        color_from_depth=truth.color_from_depth,
        thermal_from_color=truth.thermal_from_color,
        depth_shift_mm=truth.depth_shift_mm,
    )


@pytest.fixture(scope="session")
def calibration_file(tmp_path_factory: pytest.TempPathFactory, calibration: Calibration) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("calibration") / "calibration.toml"
    write_calibration(path, calibration)
    return path


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory, rig: Rig) -> Path:
    """A recorded session of a face, all four streams."""
    path = tmp_path_factory.mktemp("sessions") / "take"
    record(path, rig=rig, subject=SUBJECT, seconds=SECONDS)
    return path
