"""Python, and the packages that mavfer's own metadata requires: which extras are whole, what does not fit."""

import platform
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from .asked import Asked
from .finding import Check, Finding, Use
from .machine import Untold, quoted, this_python
from .requirements import Requirement, normalized, parse_requirement, satisfies

EXTRA_OF: Mapping[Use, str] = {"record": "record", "rate": "annotate", "build": "build", "train": "train"}
"""The extra that a use cannot do without."""
FOR_DEVELOPERS = ("test", "dev", "docs")
MANY = 5


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed of mavfer.

    Attributes
    ----------
    version : mavfer's
    python : that runs
    python_wanted : as the metadata says it (">=3.11")
    lines : the metadata's requirements
    extras : their names
    checkout : of an editable installation, None otherwise
    """

    version: str
    python: str
    python_wanted: str
    lines: tuple[str, ...]
    extras: tuple[str, ...]
    checkout: Path | None


def read_installed() -> Installed:
    """Return what this Python has of mavfer; raises Untold where it is not installed."""
    try:
        found = distribution("mavfer")
    except PackageNotFoundError as error:
        raise Untold("mavfer is run without being installed; `pip install` it") from error
    told = found.metadata
    return Installed(
        found.version,
        platform.python_version(),
        told["Requires-Python"] or "",
        tuple(found.requires or ()),
        tuple(told.get_all("Provides-Extra") or ()),
        _checkout(found.read_text("direct_url.json")),
    )


def _checkout(direct_url: str | None) -> Path | None:
    """Return the folder of an editable installation (PEP 610)."""
    import json

    try:
        told = json.loads(direct_url or "{}")
        if told.get("dir_info", {}).get("editable"):
            return Path(url2pathname(unquote(urlsplit(told["url"]).path)))
    except (ValueError, KeyError, AttributeError):
        pass
    return None


def version_of(name: str) -> str | None:
    """Return which version of a distribution is installed, None where none is."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def check_python(installed: Installed) -> Finding:
    """Judge the Python that runs."""
    clauses = parse_requirement(f"python{installed.python_wanted}").clauses
    bits = struct.calcsize("P") * 8
    found = f"{installed.python}, {bits} bits"
    if all(satisfies(installed.python, operator, wanted) for operator, wanted in clauses) and bits == 64:
        return Finding("Python", "ok", found)
    wanted = f"{installed.python_wanted or 'any version'}, 64 bits"
    return Finding(
        "Python", "fail", found, wanted, advice="install such a Python and make mavfer's environment anew"
    )


def check_extras(
    installed: Installed, use: Use, *, version_of: Callable[[str], str | None] = version_of
) -> list[Finding]:
    """Judge mavfer's own packages and those of each extra.

    Parameters
    ----------
    version_of : the installed version of a distribution, None where it is absent
    """
    requirements = [parse_requirement(line) for line in installed.lines]
    own = [one for one in requirements if one.applies()]
    findings = [_judge("packages of mavfer", own, installed, "", "fail", version_of)]
    for extra in installed.extras:
        if extra in FOR_DEVELOPERS or not (wanted := _of_extra(requirements, extra)):
            continue
        needed = EXTRA_OF.get(use) == extra
        if any(normalized(one.name) == "mavfer" for one in wanted):  # made of other extras, which have lines
            continue
        findings.append(
            _judge(f"extra {extra}", wanted, installed, extra, "fail" if needed else "not needed", version_of)
        )
    return findings


def _of_extra(requirements: Iterable[Requirement], extra: str) -> list[Requirement]:
    return [one for one in requirements if one.applies(extra) and not one.applies()]


def _judge(
    name: str,
    wanted: list[Requirement],
    installed: Installed,
    extra: str,
    absent: str,
    version_of: Callable[[str], str | None],
) -> Finding:
    """Judge a set of packages; `absent` is the state of one that lacks some."""
    there = {one: version_of(one.name) for one in wanted}
    missing = [f"{one.name}{one.wanted}" for one, version in there.items() if version is None]
    other = [
        f"{one.name} {version} (wanted {one.wanted})"
        for one, version in there.items()
        if version is not None and not one.fits(version)
    ]
    command = install_command(installed.checkout, extra)
    fits = f"the versions of mavfer {installed.version}"
    if other:
        state = "fail" if absent == "fail" else "warn"
        lacking = [f"lacks {_few(missing)}"] if missing and absent == "fail" else []
        return Finding(name, state, "; ".join([_few(other), *lacking]), fits, mend=command)
    if not missing:
        n = len(wanted)
        which = f"mavfer {installed.version}, " if not extra else ""
        return Finding(name, "ok", f"{which}{n} package{'s' * (n != 1)}, all there")
    if absent == "fail":
        return Finding(name, "fail", f"lacks {_few(missing)}", fits, mend=command)
    return Finding(name, "not needed", f"not installed: lacks {_few(missing)}", mend=command)


def _few(words: list[str]) -> str:
    more = len(words) - MANY
    return ", ".join(words[:MANY]) + (f" and {more} more" if more > 0 else "")


def install_command(checkout: Path | None, extra: str) -> str:
    """Return the command that brings an extra into the environment of this Python."""
    brackets = f"[{extra}]" if extra else ""
    what = quoted(f"mavfer{brackets}")
    if checkout is not None:
        constraints = checkout / "constraints.txt"
        held = f"-c {quoted(str(constraints))} " if constraints.is_file() else ""
        what = f"{held}-e {quoted(f'{checkout}{brackets}')}"
    if find_spec("pip") is None:  # as in the environments that uv makes
        return f"uv pip install --python {quoted(sys.executable)} {what}"
    return f"{this_python()} -m pip install {what}"


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: Python and its packages."""

    def look() -> list[Finding]:
        installed = read_installed()
        return [check_python(installed), *check_extras(installed, asked.use)]

    return [Check("packages", look)]
