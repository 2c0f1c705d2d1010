"""One recorder in a rig file: a `[recorders.NAME]` table, which says what it films with, and where."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from ..config import StrictModel, parse
from .flir_settings import FlirSettings
from .kinect_v2.settings import KinectSettings
from .replay_settings import ReplaySettings
from .streams import Stream
from .webcam_settings import WebcamSettings

RecorderName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$"), Field(examples=["kinect"])
]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
CameraKind = Annotated[
    Literal["simulated_kinect", "simulated_a65", "video", "webcam", "replay", "kinect_v2", "flir_a65"],
    BeforeValidator(lambda kind: kind.replace("-", "_") if isinstance(kind, str) else kind),
]
"""What `camera = ` names; "flir-a65" is read as "flir_a65"."""
TABLES = {
    "kinect_v2": ("driver", "serial", "pipeline"),
    "flir_a65": ("cti", "serial", "address", "packet_size_bytes"),
    "webcam": ("device", "driver"),
    "replay": ("session",),
}
"""The kinds that have a table of settings under their name, and what in it depends on the machine."""
LOOPBACK = ("127.0.0.1", "localhost")


class SkewSettings(StrictModel):
    """A clock that is wrong on purpose, to try a rig out: a recorder sees its machine's clock through it.

    Attributes
    ----------
    offset_s, drift_ppm : what it reads more, and gains
    step_at_s, step_s : when, after the recorder began, it jumps, and by how much
    """

    offset_s: float = 0.0
    drift_ppm: float = Field(default=0.0, ge=-10_000, le=10_000)
    step_at_s: float | None = Field(default=None, gt=0)
    step_s: float = 0.0


class RecorderSettings(StrictModel):
    """One `[recorders.NAME]` table: a process and the one camera that it drains.

    Attributes
    ----------
    host : the machine that the camera is plugged into
    spawn : on 127.0.0.1 the master starts the recorder itself, and it writes into the session's folder;
        false if it waits there as it would on another machine
    camera : "kinect_v2" and "flir_a65" are the sensors; "simulated_kinect" and "simulated_a65" need no
        hardware; "video" plays a file, "webcam" films, and "replay" plays a recorded session
    path : the file of a "video" camera, relative to the rig file
    kinect_v2, flir_a65, webcam, replay : what only a camera of that kind has to be told
    folder : where a recorder that waits keeps its sessions; relative to where it was started
    queue_length : kept frames that may wait for the disk; one more and a frame is dropped and counted
    skew : a wrong clock to try out
    """

    host: Host = "127.0.0.1"
    camera: CameraKind
    path: Path | None = None
    kinect_v2: KinectSettings | None = None
    flir_a65: FlirSettings | None = None
    webcam: WebcamSettings | None = None
    replay: ReplaySettings | None = None
    spawn: bool = True
    folder: Path = Path("sessions")
    queue_length: int = Field(default=32, ge=1, le=10_000)
    skew: SkewSettings | None = None

    @model_validator(mode="after")
    def _video_has_a_path(self) -> "RecorderSettings":
        if (self.camera == "video") != (self.path is not None):
            raise ValueError('camera = "video" needs a path, and no other camera takes one')
        for kind in TABLES:
            if kind != self.camera and getattr(self, kind) is not None:
                raise ValueError(f"the table {kind!r} wants camera = {kind!r}, found {self.camera!r}")
        if self.camera == "replay" and self.replay is None:
            raise ValueError('camera = "replay" wants a table "replay" with the session, found none')
        if self.skew is not None and not self.simulated:
            raise ValueError("skew wants a simulated camera: no real clock is made wrong")
        return self

    def with_places_of(self, own: "RecorderSettings") -> "RecorderSettings":
        """Return these settings, but what names a file or a device of a machine as in `own`.

        Raises
        ------
        ConfigError
            These want something of the machine that `own` does not name.
        """
        kind = self.camera
        found = self.model_dump(exclude={"path", "folder", "skew", kind})
        found |= own.model_dump(include={"folder", "skew"} | ({"path"} if kind == "video" else set()))
        if kind in TABLES:
            told, here = getattr(self, kind), getattr(own, kind)
            told = told.model_dump(exclude=set(TABLES[kind])) if told is not None else {}
            here = here.model_dump(include=set(TABLES[kind])) if here is not None else {}
            found[kind] = (told | here) or None
        return parse(found, RecorderSettings, where="this machine's rig file, for what the master wants")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What the camera delivers; all streams where only the replayed session says."""
        if self.camera in ("simulated_kinect", "kinect_v2"):
            return (Stream.COLOR, Stream.DEPTH, Stream.INFRARED)
        if self.camera in ("simulated_a65", "flir_a65"):
            return (Stream.THERMAL,)
        return (Stream.COLOR,) if self.camera in ("video", "webcam") else tuple(Stream)

    @property
    def spawned(self) -> bool:
        """Whether the master starts the recorder itself."""
        return self.spawn and self.host in LOOPBACK

    @property
    def simulated(self) -> bool:
        """Whether the camera films the simulated scene."""
        return self.camera.startswith("simulated_")
