"""The doctor's answer as a person reads it: a line each, and below it what mends it, ready to be copied."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .finding import Finding, Section, State, count

if TYPE_CHECKING:
    from rich.console import Console

STYLES: dict[State, str] = {
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "not needed": "dim",
    "unknown": "magenta",
}
WORDS: dict[State, str] = {"ok": "ok", "warn": "warn", "fail": "FAIL", "not needed": "-", "unknown": "?"}
NAME_AT, FOUND_AT = 7, 30
"""Columns."""
NARROWEST = 20


def print_sections(console: "Console", sections: Sequence[Section]) -> None:
    """Print every section that was looked at, and the others in a line."""
    from rich.text import Text

    idle = [section.title for section in sections if _is_idle(section)]
    for section in sections:
        if section.title not in idle:
            console.print(Text(section.title, style="bold"))
            for finding in section.findings:
                _print_finding(console, finding)
            console.print()
    if idle:
        console.print(Text(f"not needed here: {', '.join(idle).lower()}", style="dim"))
        console.print()


def _is_idle(section: Section) -> bool:
    return [finding.name for finding in section.findings] == [section.title]


def _print_finding(console: "Console", finding: Finding) -> None:
    """Print a line, wrapped beside its name, and what mends it; nothing in a command is ever wrapped."""
    from rich.text import Text

    style = STYLES[finding.state]
    muted = style if finding.state == "not needed" else ""
    mends = finding.state in ("warn", "fail")
    found = f"{finding.found}; wanted {finding.wanted}" if mends and finding.wanted else finding.found
    lines = _wrapped(found, console.width - FOUND_AT)
    name = f"{finding.name:<{FOUND_AT - NAME_AT - 1}} "
    if lines and len(name) == FOUND_AT - NAME_AT:
        name += lines.pop(0)
    told = Text.assemble("  ", (f"{WORDS[finding.state]:<5}", style), (name.rstrip(), muted))
    for line in lines:
        told.append(f"\n{'':{FOUND_AT}}{line}", style=muted)
    console.print(told, soft_wrap=True)
    if not mends:
        return
    if finding.advice:
        for line in _wrapped(finding.advice, console.width - NAME_AT):
            console.print(Text(f"{'':{NAME_AT}}{line}", style="italic"), soft_wrap=True)
    for line in finding.mend.splitlines():
        console.print(Text(f"{'':{NAME_AT}}{line}", style="cyan"), soft_wrap=True)


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns, NARROWEST), break_long_words=False, break_on_hyphens=False)


def summary(sections: Sequence[Section]) -> str:
    """Return the last line: how many of each, and what to do next."""
    n_fail, n_warn, n_unknown = (count(sections, state) for state in ("fail", "warn", "unknown"))
    if not (n_fail or n_warn or n_unknown):
        return "nothing to mend"
    words = [f"{n_fail} failed"] * bool(n_fail)
    words += [f"{n_warn} warning{'s' * (n_warn != 1)}"] * bool(n_warn)
    words += [f"{n_unknown} could not be told"] * bool(n_unknown)
    late = any("no answer within" in one.found for section in sections for one in section.findings)
    return f"{', '.join(words)}{'; --wait gives slow answers more time' if late else ''}"
