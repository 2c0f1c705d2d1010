"""How another process of this machine speaks to a running master: find it, call it, read its answer."""

from pathlib import Path
from typing import Annotated, Literal

import zmq
from pydantic import Field, StringConstraints, ValidationError, model_validator

from ..config import StrictModel, complaints
from ..errors import RecordError, UsageError
from .protocol import Label
from .runtime import Contact, living_masters

Source = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$"), Field(examples=["stimulus-pc"])
]
ANSWER_WITHIN_S = 5.0
RUNNING = ("starting", "recording", "closing")
"""States of a master in which a take has begun and not ended."""


class Call(StrictModel):
    """What another process asks of the master.

    Attributes
    ----------
    token : from the master's contact
    do : "mark" names the moment `t_ns` on this machine's monotonic clock; "next" asks for the protocol's next
        step, "stop" for the end of the take, "status" for nothing
    """

    token: str
    do: Literal["mark", "next", "stop", "status"]
    label: Label | None = None
    t_ns: int | None = Field(default=None, ge=0, lt=2**63)
    source: Source = "command"

    @model_validator(mode="after")
    def _mark_is_whole(self) -> "Call":
        if self.do == "mark" and (self.label is None or self.t_ns is None):
            raise ValueError("a mark wants a label and a time")
        return self


class Answer(StrictModel):
    """What the master answers.

    Attributes
    ----------
    done : whether what was asked for has happened, and is recorded where it was a mark
    text : what happened, or why it did not
    state, session, subject, elapsed_s : of the take, as in `TakeStatus`
    t_s : of the mark, seconds since the take's first tick
    """

    done: bool
    text: str
    state: str
    session: str | None = None
    subject: str = ""
    elapsed_s: float = 0.0
    t_s: float | None = None


def call_master(contact: Contact, do: str, *, timeout_s: float = ANSWER_WITHIN_S, **fields: object) -> Answer:
    """Ask a master for something, once, and return its answer.

    Raises
    ------
    UsageError
        What is asked for has not the form that it must have.
    RecordError
        It did not answer in time.
    """
    try:
        call = Call.model_validate({"token": contact.token, "do": do, **fields})
    except ValidationError as error:
        raise UsageError(complaints(error, Call)) from error
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(contact.address)
        socket.send(call.model_dump_json().encode())
        if socket.poll(round(timeout_s * 1000)):
            try:
                return Answer.model_validate_json(socket.recv())
            except ValidationError:
                pass
    raise RecordError(
        f"the master of process {contact.pid} gave no answer within {timeout_s:g} s; whether it did "
        "what was asked for is not known"
    )


def find_master(session: Path | None = None) -> Contact:
    """Return the one master of this user on this machine that runs a take, or that of the take at `session`.

    Raises
    ------
    RecordError
        There is none, or there are several.
    """
    running: dict[str, Contact] = {}
    others = []
    for contact in living_masters():
        try:
            answer = call_master(contact, "status", timeout_s=2.0)
        except RecordError as error:
            others.append(str(error))
            continue
        if answer.session is not None and answer.state in RUNNING:
            running[answer.session] = contact
        else:
            others.append(f"the master of process {contact.pid} is {answer.state!r}")
    takes = ", ".join(running)
    if session is not None:
        for path, contact in running.items():
            if Path(path).resolve() == session.resolve():
                return contact
        about = f"running: {takes}" if takes else "; ".join(others) or "no master runs on this machine"
        raise RecordError(f"wanted a running take, found none of this session ({about}): {session}")
    if len(running) == 1:
        return next(iter(running.values()))
    if running:
        raise RecordError(
            f"wanted one running take, found {len(running)}; pass --session with one of: {takes}"
        )
    about = "; ".join(others) or "no master runs; start one with `mavfer record`"
    raise RecordError(f"wanted a running take on this machine, found none: {about}")
