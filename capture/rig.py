"""The rig file, `rig.toml`: which recorders there are, what they film with, and how they are recorded.

Not to be confused with `calibration.toml`, which says where the mounted cameras look.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from ..config import StrictModel, parse, read_toml
from ..errors import ConfigError
from .simulated.scene import SceneSettings

RecorderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class RecorderSettings(StrictModel):
    """One `[recorders.NAME]` table: a process and the one camera that it drains.

    Attributes
    ----------
    host : the machine that the camera is plugged into
    camera : "simulated_kinect" and "simulated_a65" need no hardware; "video" plays a file as a color camera
    path : the file of a "video" camera, relative to the rig file
    queue_length : kept frames that may wait for the disk; one more and a frame is dropped and counted
    """

    host: str = "127.0.0.1"
    camera: Literal["simulated_kinect", "simulated_a65", "video"]
    path: Path | None = None
    queue_length: int = Field(default=32, ge=1, le=10_000)

    @model_validator(mode="after")
    def _video_has_a_path(self) -> "RecorderSettings":
        if (self.camera == "video") != (self.path is not None):
            raise ValueError('camera = "video" needs a path, and no other camera takes one')
        return self

    @property
    def simulated(self) -> bool:
        """Whether the camera films the simulated scene."""
        return self.camera.startswith("simulated_")


class Rig(StrictModel):
    """A rig file.

    Attributes
    ----------
    name : stands in every session and calibration, so that they can be matched
    fps : ticks of the plan per second
    keep : "nearest" stores the frame nearest to each tick, "all" every frame that the sensors make
    segment_mb : a recorder starts a new file when the one it writes has reached this size
    recorders : by name; the name is also that of the recorder's files
    simulated : the scene in front of the simulated cameras
    """

    name: str = Field(default="rig", min_length=1, max_length=64)
    fps: float = Field(default=10.0, gt=0, le=120)
    keep: Literal["nearest", "all"] = "nearest"
    segment_mb: int = Field(default=1024, ge=1, le=65_536)
    recorders: dict[RecorderName, RecorderSettings] = Field(min_length=1)
    simulated: SceneSettings | None = None

    @property
    def scene(self) -> SceneSettings:
        """The simulated scene, with its defaults where the file names none."""
        return self.simulated or SceneSettings()

    @property
    def is_simulated(self) -> bool:
        """Whether any of the recorders films the simulated scene."""
        return any(settings.simulated for settings in self.recorders.values())

    @property
    def is_virtual(self) -> bool:
        """Whether time is virtual: frames come as fast as they render."""
        return self.simulated is not None and self.simulated.clock == "virtual"


def read_rig(path: Path) -> Rig:
    """Return the rig file at `path`, the paths in it made absolute.

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or a key in it is unknown or out of range.
    """
    rig = read_toml(path, Rig)
    recorders = {}
    for name, settings in rig.recorders.items():
        if settings.path is None:
            recorders[name] = settings
            continue
        file = (path.parent / settings.path).resolve()
        if not file.is_file():
            raise ConfigError(f"recorders.{name}.path wants a video file, found none at {file}: {path}")
        recorders[name] = settings.model_copy(update={"path": file})
    return rig.model_copy(update={"recorders": recorders})


def simulated_rig_file(*, name: str = "simulated", fps: float = 10.0) -> str:
    """Return the text of a rig file that needs no hardware, every key explained.

    Raises
    ------
    ConfigError
        A value is out of range.
    """
    import tomlkit

    cameras = {"kinect": {"camera": "simulated_kinect"}}
    parse({"name": name, "fps": fps, "recorders": cameras}, Rig, where="the command line")
    return f"""\
# A rig that needs no hardware: a simulated Kinect v2 and FLIR A65 film one simulated head.
name = {tomlkit.string(name).as_string()}      # stands in every session and calibration made with this rig
fps = {fps:.12g}                # ticks per second; the sensors themselves run at 30
keep = "nearest"        # the frame nearest to each tick; "all" keeps every frame of the sensors
segment_mb = 1024       # a recorder starts a new file at this size

[recorders.kinect]      # one process per table; the name is also that of its files
host = "127.0.0.1"
camera = "simulated_kinect"   # color, depth, infrared

[recorders.thermal]
host = "127.0.0.1"
camera = "simulated_a65"

[simulated]
target = "face"         # or "board", for a calibration session
seed = 0                # another seed is another take
light = 1.0             # 0.05 is a dark room
clock = "real"          # "virtual": as fast as the frames render
"""
