"""What master and recorders say to each other, as strict models; link.py carries it."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from ..config import StrictModel

Count = Field(default=0, ge=0)
State = Literal["waiting", "open", "armed", "recording", "finished"]

PIECE_BYTES = 2**20
"""Files travel in parts of this size."""


class Command(StrictModel):
    """What the master tells a recorder to do.

    Attributes
    ----------
    master : tells masters apart; a recorder obeys the one that it has joined
    id : the same id twice from one master is the same command; it is done once and acknowledged twice
    do : "join" this master; "open" the camera; "measure" the disk; "arm" make the files; "disarm" remove
        them; "start" the plan; "stop" it; "send" a session's files as they are asked for (`Want`); "leave"
        the master; "quit" the process; "stay" nothing, the master is there; "turn_away" another recorder
        has this name
    deadline_ns : on the master's clock; a command that arrives later is refused
    """

    master: str = Field(pattern=r"^[0-9a-f]{16}$")
    id: int = Field(ge=0)
    do: Literal[
        "join",
        "open",
        "measure",
        "arm",
        "disarm",
        "start",
        "stop",
        "send",
        "leave",
        "quit",
        "stay",
        "turn_away",
    ]
    deadline_ns: int = Field(ge=0)
    body: dict[str, Any] = Field(default_factory=dict)


class Report(StrictModel):
    """What a recorder tells the master: "hello" while it has none, "done" or "refused" to answer a command.

    "left" is its last word, as its process ends.

    Attributes
    ----------
    master, id : of the command that is answered
    body : of a hello a `Hello`; of a refusal the "error"; of an answer what was asked for; of a last word
        the "cause" and the last "beat"
    """

    kind: Literal["hello", "done", "refused", "left"]
    master: str = ""
    id: int = -1
    body: dict[str, Any] = Field(default_factory=dict)


class Hello(StrictModel):
    """Who a recorder is and what it does; `session` is the id of the take that it records or recorded."""

    pid: int
    host: str
    version: str
    boot_id: str
    state: State
    session: str = ""


class Join(StrictModel):
    """The body of "join": where the master answers pings and hears statuses, and who it is."""

    ping_port: int = Field(gt=0, le=65_535)
    status_port: int = Field(gt=0, le=65_535)
    boot_id: str
    host: str


class StopTake(StrictModel):
    """Which take is to end, and after how many ticks; None for the one that is due."""

    session: str = Field(min_length=1)
    n_ticks: int | None = Field(default=None, ge=0)


class Beat(StrictModel):
    """A recorder's status, four times a second; see `RecorderStatus` for the fields."""

    state: State
    session: str = ""
    tick: int = -1
    grabbed: int = Count
    kept: int = Count
    lost: dict[str, int] = Field(default_factory=dict)
    waiting: int = Count
    camera_silent_s: float = 0.0
    written_bytes: int = Count
    bytes_per_s: float = 0.0
    disk_free_bytes: int = -1
    tick_error_ms: float = 0.0
    clock_offset_ms: float = 0.0
    clock_residual_ms: float = 0.0
    round_trip_ms: float = 0.0
    n_pings: int = Count
    health: dict[str, float] = Field(default_factory=dict)
    failed: bool = False
    n_malformed: int = Count
    files: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


class SendFiles(StrictModel):
    """The body of "send": a session's id, and the master's port that takes its files."""

    session: str = Field(min_length=1, max_length=255)
    port: int = Field(ge=1, le=65_535)


class Want(StrictModel):
    """What the master wants of one file of the session that a recorder was told to send.

    Attributes
    ----------
    id : the answer carries it, too
    do : "bytes" of a part; "hash" of the whole; "remove" the file, whose hash the master has found the same
    file : its name
    at, n_bytes : of the part
    hash : of the file to remove
    """

    id: int = Field(ge=0)
    do: Literal["bytes", "hash", "remove"]
    file: str = Field(max_length=64)
    at: int = Field(default=0, ge=0)
    n_bytes: int = Field(default=0, ge=0, le=PIECE_BYTES)
    hash: str = Field(default="", pattern=r"^[0-9a-f]*$", max_length=128)


class Piece(StrictModel):
    """A recorder's answer to a `Want`; a part's bytes follow it.

    Attributes
    ----------
    kind : "failed" says in `error` why; with id -1 the recorder sends nothing more
    """

    kind: Literal["bytes", "hash", "removed", "failed"]
    id: int
    hash: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came, and who sent it.

    Attributes
    ----------
    peer : name and instance, "kinect.5f3a"; an instance is one process
    name : the recorder's
    message : a Report, a Beat, or the head of a preview
    picture : of a preview
    """

    peer: str
    name: str
    message: Report | Beat | bytes
    picture: bytes = b""

    def with_picture(self, picture: bytes) -> "Heard":
        """Return the same message with a picture."""
        return replace(self, picture=picture)


M = TypeVar("M", Command, Report, Hello, Beat, Want, Piece)


def parse_message(payload: bytes, model: type[M]) -> M | None:
    """Return the message in `payload`, or None if there is none."""
    try:
        return model.model_validate_json(payload)
    except ValidationError:
        return None


def parse_body(body: dict[str, Any], model: type[M]) -> M | None:
    """Return the message in the body of another, or None if there is none."""
    try:
        return model.model_validate(body)
    except ValidationError:
        return None
