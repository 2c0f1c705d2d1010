"""The rig file, `rig.toml`: which recorders there are, what they film with, and how they are recorded.

Not to be confused with `calibration.toml`, which says where the mounted cameras look.
"""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ..config import COMMAND_LINE, StrictModel, parse, read_toml
from ..errors import ConfigError, UsageError
from .lsl.publisher import LslSettings
from .recorder_settings import LOOPBACK, Host, RecorderName, RecorderSettings
from .simulated.scene import SceneSettings
from .streams import Stream

RESERVED_NAMES = ("master",)


class MasterSettings(StrictModel):
    """The `[master]` table: where the recorders of other machines find the master.

    Attributes
    ----------
    host : the operator's machine, as the recorders' machines reach it; the master binds to this address
    port : of the commands; clock pings use the next, status and previews the one after, files the fourth
    """

    host: Host = "127.0.0.1"
    port: int = Field(default=5570, ge=1024, le=65_532)


class Rig(StrictModel):
    """A rig file.

    Attributes
    ----------
    name : stands in every session and calibration, so that they can be matched
    fps : ticks of the plan per second
    keep : "nearest" stores the frame nearest to each tick, "all" every frame that the sensors make
    color : "jpeg" (quality 95), "lossless" (eight times the disk), or "device", as the camera sends it
    segment_mb : a recorder starts a new file when the one it writes has reached this size
    reserve_mb : a take does not begin if it would leave less of a disk free, and ends when less than a tenth
        of it is left
    keys : the folder of the lab's keys, relative to the rig file; without it everything stays on 127.0.0.1
    master : where recorders find the master; without it the master starts all recorders itself
    lsl : Lab Streaming Layer beside the cameras
    recorders : by name; the name is also that of the recorder's files
    simulated : the scene in front of the simulated cameras
    """

    name: str = Field(default="rig", min_length=1, max_length=64)
    fps: float = Field(default=10.0, gt=0, le=120)
    keep: Literal["nearest", "all"] = "nearest"
    color: Literal["jpeg", "lossless", "device"] = "jpeg"
    segment_mb: int = Field(default=1024, ge=1, le=65_536)
    reserve_mb: int = Field(default=1024, ge=1, le=1_048_576)
    keys: Path | None = None
    master: MasterSettings | None = None
    lsl: LslSettings = LslSettings()
    recorders: dict[RecorderName, RecorderSettings] = Field(min_length=1)
    simulated: SceneSettings | None = None

    @model_validator(mode="after")
    def _is_reachable(self) -> "Rig":
        for name in RESERVED_NAMES:
            if name in self.recorders:
                raise ValueError(f"recorders wants other names than {name!r}, which is the master's own")
        waiting = [name for name, settings in self.recorders.items() if not settings.spawned]
        if waiting and self.master is None:
            raise ValueError(
                f"recorders.{waiting[0]} wants a [master] table that says where the recorder finds the "
                f"master, found none"
            )
        remote = [name for name in waiting if self.recorders[name].host not in LOOPBACK]
        exposed = self.master is not None and self.master.host not in LOOPBACK
        if (remote or exposed) and self.keys is None:
            raise ValueError(
                "a rig over the network wants keys = FOLDER (`mavfer keys new` makes them), found none"
            )
        return self

    @model_validator(mode="after")
    def _can_wait_if_virtual(self) -> "Rig":
        if not self.is_virtual:
            return self
        virtual = 'a virtual clock (simulated.clock = "virtual", or pace = "fast" of a replay)'
        if self.master is not None:
            raise ValueError(f"{virtual} wants no [master]: its recorders share a machine")
        for name, settings in self.recorders.items():
            if not (settings.simulated or settings.camera in ("video", "replay")):
                raise ValueError(
                    f"recorders.{name} films at its own pace; {virtual} wants only cameras that can wait: "
                    "simulated ones, videos and replays"
                )
            if settings.camera == "simulated_a65" and self.scene.wire:
                raise ValueError(f"simulated.wire is as fast as time; {virtual} wants wire = false")
            if settings.skew is not None:
                raise ValueError(
                    f"recorders.{name}.skew wants a real clock to be wrong; the rig has {virtual}"
                )
            if settings.replay is not None and settings.replay.pace == "real":
                raise ValueError(f'recorders.{name}.replay.pace wants "fast": the rig has {virtual}')
        return self

    @property
    def scene(self) -> SceneSettings:
        """The simulated scene, with its defaults where the file names none."""
        return self.simulated or SceneSettings()

    def without_secrets(self) -> "Rig":
        """Return the rig as it may stand in a session: a network camera's address without its password."""
        recorders = {
            name: settings.model_copy(update={"webcam": settings.webcam.without_secrets()})
            for name, settings in self.recorders.items()
            if settings.webcam is not None
        }
        return self.model_copy(update={"recorders": self.recorders | recorders}) if recorders else self

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What all cameras together deliver, in the order of `Stream`."""
        found = {stream for settings in self.recorders.values() for stream in settings.streams}
        return tuple(stream for stream in Stream if stream in found)

    @property
    def is_simulated(self) -> bool:
        """Whether any of the recorders films the simulated scene."""
        return any(settings.simulated for settings in self.recorders.values())

    @property
    def is_virtual(self) -> bool:
        """Whether time is virtual: frames come as fast as they can be made and stored."""
        replays = [settings.replay for settings in self.recorders.values() if settings.replay is not None]
        fast = any(replay.pace == "fast" for replay in replays)
        return fast or (self.simulated is not None and self.simulated.clock == "virtual")


def read_rig(path: Path) -> Rig:
    """Return the rig file at `path`, the paths in it made absolute.

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or a key in it is unknown or out of range.
    """
    rig = read_toml(path, Rig)
    recorders = {name: _placed(name, settings, path) for name, settings in rig.recorders.items()}
    keys = None if rig.keys is None else (path.parent / rig.keys).resolve()
    return rig.model_copy(update={"recorders": recorders, "keys": keys})


def _placed(name: str, settings: RecorderSettings, rig_path: Path) -> RecorderSettings:
    """Return a recorder's settings with the paths in them absolute, those of this machine looked at."""
    changes: dict[str, object] = {}
    if settings.path is not None:
        file = _absolute(settings.path, f"recorders.{name}.path", rig_path)
        if settings.spawned and not file.is_file():
            raise ConfigError(f"recorders.{name}.path wants a video file, found none at {file}: {rig_path}")
        changes["path"] = file
    if settings.replay is not None:
        folder = _absolute(settings.replay.session, f"recorders.{name}.replay.session", rig_path)
        from .session_writer import recorder_files

        recorder = settings.replay.recorder
        if recorder is None and recorder_files(folder, name):
            recorder = name
        if settings.spawned and not folder.is_dir():
            raise ConfigError(
                f"recorders.{name}.replay.session wants a session folder, found none at {folder}: {rig_path}"
            )
        changes["replay"] = settings.replay.model_copy(update={"session": folder, "recorder": recorder})
    return settings.model_copy(update=changes) if changes else settings


def _absolute(path: Path, key: str, rig_path: Path) -> Path:
    if "\0" in str(path):
        raise ConfigError(f"{key} wants a path, found {str(path)!r}: {rig_path}")
    return (rig_path.parent / path).resolve()


def parse_rig(text: str, *, where: str) -> Rig:
    """Return the rig in the text of a rig file whose paths are absolute; raises ConfigError as `read_rig`."""
    try:
        return parse(tomllib.loads(text), Rig, where=where)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"wanted TOML, found a syntax error: {error}: {where}") from error


def require_other_session(rig: Rig, path: Path) -> None:
    """Raise ConfigError if a take at `path` would stand in the place of a session that the rig replays."""
    for name, settings in rig.recorders.items():
        if settings.replay is not None and settings.replay.session.resolve() == path.resolve():
            raise ConfigError(
                f"recorders.{name} replays the session that the take would replace; record under another "
                f"name: {path}"
            )


def change_scene(rig: Rig, changes: dict[str, object], *, where: object) -> Rig:
    """Return the rig with some of its simulated scene's settings replaced.

    Raises
    ------
    ConfigError
        A value is out of range, or the rig has no simulated camera.
    """
    if not changes:
        return rig
    if not rig.is_simulated:
        raise UsageError(f"{', '.join(changes)} can be set for a simulated rig only; this is none: {where}")
    scene = parse(rig.scene.model_dump() | changes, SceneSettings, where=COMMAND_LINE)
    return parse(rig.model_dump() | {"simulated": scene}, Rig, where=str(where))


def simulated_rig_file(*, name: str = "simulated", fps: float = 10.0) -> str:
    """Return the text of a rig file that needs no hardware, every key explained.

    Raises
    ------
    ConfigError
        A value is out of range.
    """
    import tomlkit

    cameras = {"kinect": {"camera": "simulated_kinect"}}
    parse({"name": name, "fps": fps, "recorders": cameras}, Rig, where=COMMAND_LINE)
    return f"""\
# A rig that needs no hardware: a simulated Kinect v2 and FLIR A65 film one simulated head.
name = {tomlkit.string(name).as_string()}      # stands in every session and calibration made with this rig
fps = {fps:.12g}                # ticks per second; the sensors themselves run at 30
keep = "nearest"        # the frame nearest to each tick; "all" keeps every frame of the sensors
segment_mb = 1024       # a recorder starts a new file at this size
reserve_mb = 1024       # a take that would leave less than this on a disk is refused
# keys = "keys"         # the lab's keys (`mavfer keys new`), wanted as soon as a recorder has another host

# [master]              # where recorders on other machines find this one
# host = "192.168.1.10"
# port = 5570           # and the three ports after it

[recorders.kinect]      # one process per table; the name is also that of its files
host = "127.0.0.1"      # on another machine, `mavfer recorder kinect --rig rig.toml` waits for the master
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
