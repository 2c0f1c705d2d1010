"""What the page may ask, as it comes over the wire, and what becomes of it on the desk."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from ...config import StrictModel
from ...errors import ConfigError
from .. import desk
from ..desk import Desk
from ..session import require_pseudonym
from ..status import TakeStatus
from ..streams import Stream
from .words import RUNNING

MAX_ASK_BYTES = 16 * 1024


def _printable(text: str) -> str:
    """Return the text without what surrounds it; raise ValueError for characters that steer a terminal."""
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text):
        raise ValueError("control characters")
    return text.strip()


Line = Annotated[str, AfterValidator(_printable), Field(max_length=200, pattern=r"^[^\n\r\t]*$")]
Notes = Annotated[str, AfterValidator(_printable), Field(max_length=4000)]
Number = Annotated[int, Field(ge=0, lt=2**53)]


class Seen(StrictModel):
    """The page has shown a status, and all before it."""

    do: Literal["seen"]
    n: Number


class Drawn(StrictModel):
    """The page has drawn a stream's picture, and may get the next."""

    do: Literal["drawn"]
    stream: Stream


class AskStart(StrictModel):
    """Start a take; what is left empty is as the command line says."""

    do: Literal["start"]
    id: Number
    subject: Line = ""
    consent: Line = ""
    notes: Notes = ""
    seconds: float | None = Field(default=None, gt=0, le=86_400, allow_inf_nan=False)


class AskStop(StrictModel):
    """Stop the take."""

    do: Literal["stop"]
    id: Number


class AskNext(StrictModel):
    """Go to the protocol's next step; `step` is the number of the one that was shown."""

    do: Literal["next"]
    id: Number
    step: Number


class AskMark(StrictModel):
    """Mark this moment."""

    do: Literal["mark"]
    id: Number
    label: Annotated[Line, Field(min_length=1)]


Ask = AskStart | AskStop | AskNext | AskMark
_MESSAGE = TypeAdapter(Annotated[Seen | Drawn | Ask, Field(discriminator="do")])


def read_message(text: str | bytes) -> Seen | Drawn | Ask | None:
    """Return what a page sent; None for whatever else came."""
    if len(text) > MAX_ASK_BYTES:
        return None
    try:
        return _MESSAGE.validate_json(text, strict=False)
    except (ValidationError, ValueError):
        return None


def answer_ask(ask: Ask, desk_: Desk, status: TakeStatus) -> tuple[bool, str]:
    """Lay a request on the desk if the take is where it makes sense; return whether, and what to tell."""
    running = status.state in RUNNING
    match ask:
        case AskStart():
            if not status.can_start:
                return False, "no take can start now"
            try:
                if ask.subject:
                    require_pseudonym(ask.subject)
            except ConfigError as error:
                return False, str(error)
            desk_.ask(desk.Start(ask.subject, ask.seconds, ask.consent, ask.notes))
            return True, "start asked for"
        case AskStop():
            if not running:
                return False, "no take runs that could be stopped"
            desk_.ask(desk.Stop())
            return True, "stop asked for"
        case AskNext():
            if status.step is None or not running:
                return False, "no step runs that another could follow"
            if status.step.number != ask.step:
                return False, f"step {status.step.name!r} has begun meanwhile"
            desk_.ask(desk.NextStep())
            return True, "next step asked for"
        case AskMark():
            if status.state != "recording":
                return False, f"no take runs: {ask.label!r} is not marked"
            desk_.mark(ask.label, source="operator")
            return True, f"marked {ask.label!r}"
