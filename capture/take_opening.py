"""Cameras opened for a take to come: what recorders answer, and whether a take can be made of it."""

from pathlib import Path
from typing import Any

from ..config import parse
from ..errors import RecordError
from .crew import Crew
from .disk import require_room
from .rig import Rig
from .session import RecorderRecord

OPEN_TIMEOUT_S = 240.0
"""A simulated camera compiles its renderer the first time that it is opened on a machine."""

Answers = dict[str, dict[str, Any]]
"""By recorder: streams, fps, nodes, boot_id, software, bytes_per_s, disk, disk_free_bytes, folder."""


def open_cameras(
    crew: Crew, rig: Rig, path: Path, *, subject: str, seconds: float, previews: bool
) -> tuple[Answers, dict[str, RecorderRecord]]:
    """Open all cameras; return what each recorder told, and what the session's record says of it.

    Parameters
    ----------
    path : the session to come; nothing is made there
    subject, seconds : what a simulated scene is made of
    previews : let the recorders show what they see

    Raises
    ------
    RecordError
        A camera cannot be opened, or what the cameras deliver makes no session; see `recorder_records`.
    """
    common = {
        "rig": rig.model_dump(mode="json", exclude_none=True),
        "subject": subject,
        "seconds": seconds,
        "previews": previews,
    }
    bodies = {name: common | place for name, place in places(rig, path).items()}
    crew.forget_take()
    answers = crew.command_each("open", bodies, timeout_s=OPEN_TIMEOUT_S)
    for member in crew.members():
        member.disk = str(answers[member.name]["disk"])
    return answers, recorder_records(answers, rig)


def places(rig: Rig, path: Path) -> dict[str, dict[str, Any]]:
    """Return, by recorder, where it writes: into the session's folder, if it runs on this machine."""
    return {
        name: {"session": path.name} | ({"folder": str(path)} if settings.spawned else {})
        for name, settings in rig.recorders.items()
    }


def recorder_records(answers: Answers, rig: Rig) -> dict[str, RecorderRecord]:
    """Return what the session's record says of each recorder.

    Raises
    ------
    RecordError
        Two recorders deliver the same stream, or a sensor is slower than the rig's ticks.
    """
    seen: dict[str, str] = {}
    recorders: dict[str, RecorderRecord] = {}
    for name, answer in answers.items():
        for stream in answer["streams"]:
            if stream in seen:
                raise RecordError(
                    f"a session holds each stream once, found {stream!r} from {seen[stream]!r} and {name!r}"
                )
            seen[stream] = name
        if rig.fps > answer["fps"] * 1.001:
            raise RecordError(
                f"wanted a rig of at most the sensor's {answer['fps']:g} fps, found fps = {rig.fps:g}; "
                f"recorder {name!r} could not fill every tick"
            )
        settings = rig.recorders[name]
        table = {
            "camera": settings.camera,
            "host": settings.host,
            "folder": "" if settings.spawned else answer["folder"],
            **{key: answer[key] for key in ("streams", "fps", "nodes", "boot_id", "software")},
        }
        recorders[name] = parse(table, RecorderRecord, where=f"the answer of recorder {name!r}")
    return recorders


def require_room_for(answers: Answers, *, rig: Rig, seconds: float) -> None:
    """Raise RecordError if a take does not fit; recorders that share a disk are counted together."""
    for disk in {answer["disk"] for answer in answers.values()}:
        names = [name for name, answer in answers.items() if answer["disk"] == disk]
        require_room(
            Path(answers[names[0]]["folder"]),
            bytes_per_s=sum(float(answers[name]["bytes_per_s"]) for name in names),
            seconds=seconds,
            reserve_bytes=rig.reserve_mb * 2**20,
            free_bytes=int(answers[names[0]]["disk_free_bytes"]),
            recorders=names,
        )
