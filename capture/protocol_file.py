"""The protocol file, `protocol.toml`: what a lab says once for a study, and what each take makes of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, field_validator

from ..config import COMMAND_LINE, THIS_TAKE, StrictModel, parse, read_toml
from ..errors import UsageError
from .protocol import Consent, ConsentScope, Label, Protocol, Step, Words

LONGEST_S = 86_400
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./#-]{0,199}")
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
SHAPE = re.compile(r"[A-Za-z0-9_./#?-]{1,64}")


def _person(word: str) -> str:
    if word and PERSON.fullmatch(word) is None:
        raise ValueError("wanted initials or a pseudonym of letters, digits, '_', '-' and '.'")
    return word


def _shape(word: str) -> str:
    if word and SHAPE.fullmatch(word) is None:
        raise ValueError(
            "wanted '#' for a digit, '?' for a letter, and letters, digits, '_', '-', '.', '/' for themselves"
        )
    return word


def _no_address(text: str) -> str:
    if (found := ADDRESS.search(text)) is not None:
        raise ValueError(f"wanted words that name nobody, found a mail address: {found[0]!r}")
    return text


Person = Annotated[str, AfterValidator(_person)]
Shape = Annotated[str, AfterValidator(_shape)]
Notes = Annotated[str, Field(max_length=10_000), AfterValidator(_no_address)]


class ConsentRules(StrictModel):
    """The `[consent]` table.

    Attributes
    ----------
    required : whether a take is refused that names no consent form
    scope : what the form of this study allows, unless a take says otherwise
    reference_like : the shape of references: "#" is a digit, "?" a letter; "" where any will do
    """

    required: bool = False
    scope: tuple[ConsentScope, ...] = ()
    reference_like: Shape = ""


class ProtocolFile(StrictModel):
    """A protocol file.

    Attributes
    ----------
    name : of the study or the protocol; stands in every session
    operator : who runs the takes unless a take says otherwise: initials or a pseudonym
    subject_like : the shape of subjects' pseudonyms, as in `ConsentRules.reference_like`; nothing keeps a
        name out better than a code that has a shape
    notes : stand in every session before the take's own
    consent : what a take must say about consent
    steps : what the subject does, in order
    keys : markers on the keys 1 to 9 of the monitor page
    """

    name: Label
    operator: Person = ""
    subject_like: Shape = ""
    notes: Notes = ""
    consent: ConsentRules = ConsentRules()
    steps: tuple[Step, ...] = ()
    keys: dict[Literal["1", "2", "3", "4", "5", "6", "7", "8", "9"], Label] = Field(default_factory=dict)

    @field_validator("steps")
    @classmethod
    def _steps_fit(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        names = [step.name for step in steps]
        for name in names:
            if not name.isprintable() or name != name.strip():
                raise ValueError(f"wanted names of one line without space at the ends, found {name!r}")
            if names.count(name) > 1:
                raise ValueError(
                    f"wanted a name of its own for each, found {name!r} {names.count(name)} times"
                )
        planned_s = sum(step.seconds or 0 for step in steps)
        if planned_s > LONGEST_S:
            raise ValueError(f"wanted at most {LONGEST_S} seconds together, found {planned_s:g}")
        return steps

    @property
    def protocol(self) -> Protocol:
        """What a session keeps of it."""
        return Protocol(name=self.name, steps=self.steps)

    @property
    def seconds(self) -> float | None:
        """Length of a take that ends with the last step; None where a step ends only when it is told to."""
        return self.protocol.seconds


class TakeMetadata(NamedTuple):
    """What a session says about itself beside its frames."""

    consent: Consent | None
    protocol: Protocol | None
    operator: str
    notes: str


class _Said(StrictModel):
    """What is said for one take on the command line or the page."""

    operator: Person = ""
    notes: Notes = ""
    consent: Words | None = None
    scope: tuple[ConsentScope, ...] | None = None


def read_protocol(path: Path) -> ProtocolFile:
    """Return the protocol file at `path`.

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or a key in it is unknown or out of range.
    """
    return read_toml(path, ProtocolFile)


def take_metadata(
    file: ProtocolFile | None,
    *,
    subject: str,
    consent: str | None = None,
    scope: Sequence[str] | None = None,
    operator: str = "",
    notes: str = "",
) -> TakeMetadata:
    """Return what a take's session says about itself: the protocol file's words, and the take's own.

    Free words (notes, texts, labels) can hold a name that no program knows for one; only mail addresses are
    found in them. Pseudonyms and references are held to their alphabet, to the shape that the protocol file
    gives them, and apart from each other.

    Parameters
    ----------
    subject : the pseudonym
    consent : reference of the signed form
    scope : what the form allows; None takes what the protocol file says
    operator, notes : of this take; the operator replaces the file's, the notes follow the file's

    Raises
    ------
    UsageError
        Consent is required and not named, or a word has not the shape it must have.
    """
    rules = file.consent if file is not None else ConsentRules()
    said = parse(
        {"operator": operator, "notes": notes, "consent": consent or None, "scope": scope},
        _Said,
        where=THIS_TAKE,
    )
    _require_shape("subject", subject, PERSON, file.subject_like if file is not None else "")
    who = said.operator or (file.operator if file is not None else "")
    if who and who.casefold() == subject.casefold():
        raise UsageError(f"wanted a subject's pseudonym that is not the operator's, found {subject!r} twice")
    if said.consent is None:
        if rules.required:
            raise UsageError(
                f"protocol {file.name if file else ''!r} wants the reference of the signed consent form, "
                "found none; pass --consent REFERENCE"
            )
        if said.scope:
            raise UsageError(
                f"wanted the reference of the consent form that allows {', '.join(said.scope)}, found none; "
                "pass --consent REFERENCE"
            )
    else:
        _require_shape("consent", said.consent, REFERENCE, rules.reference_like)
        if said.consent.casefold() == subject.casefold():
            raise UsageError(
                f"wanted the reference of a consent form, found the subject's pseudonym {subject!r}; "
                "whoever holds the forms could not tell them apart"
            )
    return TakeMetadata(
        consent=None
        if said.consent is None
        else Consent(reference=said.consent, scope=rules.scope if said.scope is None else said.scope),
        protocol=None if file is None else file.protocol,
        operator=who,
        notes="\n".join(text for text in (file.notes if file is not None else "", said.notes) if text),
    )


def _require_shape(key: str, word: str, alphabet: re.Pattern[str], shape: str) -> None:
    if alphabet.fullmatch(word) is None:
        allowed = "letters, digits, '_', '-' and '.'" + (
            ", '/' and '#'" if alphabet is REFERENCE else "; a pseudonym, never a name"
        )
        raise UsageError(f"{key} wants {allowed}, found {word!r}")
    if shape and not fits_shape(word, shape):
        raise UsageError(
            f"{key} wants the shape {shape!r} that the protocol file gives it "
            f"('#' is a digit, '?' a letter), found {word!r}"
        )


def fits_shape(word: str, shape: str) -> bool:
    """Whether a word has a shape, in which "#" is a digit, "?" a letter, and any other character itself."""
    parts = {"#": "[0-9]", "?": "[A-Za-z]"}
    return re.fullmatch("".join(parts.get(sign, re.escape(sign)) for sign in shape), word) is not None


def example_protocol_file(*, name: str = "relaxation and interview") -> str:
    """Return the text of a protocol file: the paper's protocol, every key explained.

    Raises
    ------
    UsageError
        The name is none.
    """
    import tomlkit

    parse({"name": name}, ProtocolFile, where=COMMAND_LINE)
    return f"""\
# What is said once for a study; `mavfer record SESSION --rig rig.toml --protocol protocol.toml` uses it.
# Every session keeps a copy, so no real name belongs in here. Codes are checked; free words cannot be.
name = {tomlkit.string(name).as_string()}
operator = ""           # who runs the takes: initials or a pseudonym; --operator replaces it
subject_like = "S##"    # subjects' pseudonyms look like this: # is a digit, ? a letter; "" lets any code pass
notes = ""              # stands in every session, before what --notes says

[consent]
required = true         # a take that names no signed form (--consent REFERENCE) is refused
reference_like = ""     # like subject_like, say "C-####"
scope = ["analysis", "archive"]   # what the form allows; also "share" (with other labs), "publish_pictures"

[[steps]]               # in order; each begins as the one before ends, and sets a marker as it begins
name = "relaxing video"
seconds = 600           # without it the step lasts until the operator asks for the next one
text = "The subject sits still and watches. Nobody speaks."   # shown to the operator
markers = [             # set by themselves, so many seconds after the step begins
    {{ label = "video 1 starts", after_s = 0 }},
    {{ label = "video 2 starts", after_s = 300 }},
]

[[steps]]
name = "interview"
seconds = 300
text = "Ask about the videos, then about the day."

[keys]                  # markers on the keys 1 to 9 of the monitor page
1 = "subject smiles"
2 = "subject speaks"
3 = "subject looks away"
9 = "disturbance"
"""
