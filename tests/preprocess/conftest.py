"""What the tests of preprocess film: a simulated subject of four seconds, its calibration and its raters."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.annotate.trace import Trace, write_trace
from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.master import record
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream

RIG = Rig(
    name="simulated",
    recorders={
        "kinect": RecorderSettings(camera="simulated_kinect"),
        "thermal": RecorderSettings(camera="simulated_a65"),
    },
    simulated=SceneSettings(clock="virtual"),
)
SECONDS = 4.2  # 17 frames at 4 a second: one whole chunk and one frame more


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
def simulated_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded session of all four streams, with its truth beside it."""
    path = tmp_path_factory.mktemp("simulated") / "take"
    record(path, rig=RIG, subject="S01", seconds=SECONDS)
    return path


@pytest.fixture(scope="session")
def color_frames(simulated_session: Path) -> NDArray[np.uint8]:
    """Every fourth color picture of the simulated session, (N, 1080, 1920, 3)."""
    session = open_session(simulated_session)
    n_frames = len(session.index(Stream.COLOR))
    return np.stack([session.frame(Stream.COLOR, i).pixels for i in range(0, n_frames, 4)])


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """A function that writes pictures as an MP4 of 8 frames per second."""

    def write(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> Path:
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=8)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.bit_rate = 8_000_000
            stream.pix_fmt = "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def write_ramps() -> Callable[[Path, str], Path]:
    """A function that writes two raters' traces: valence rises from -5 by 2 and by 4 in ten seconds."""

    def write(folder: Path, session: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        time_s = np.arange(0, 10, 0.1)
        for rater, slope in (("A", 0.2), ("B", 0.4)):
            write_trace(folder, Trace(session, rater, "valence", time_s, -5 + slope * time_s, True))
            write_trace(folder, Trace(session, rater, "arousal", time_s, np.full(100, 3.0), True))
        return folder

    return write
