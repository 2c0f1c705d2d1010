"""All checks side by side: what fails or hangs is one line, in time; so is what a use does without."""

import threading
import time
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from mavfer.doctor import checkup
from mavfer.doctor.asked import Asked
from mavfer.doctor.finding import Check, Finding, Section, count, untold
from mavfer.doctor.machine import Machine
from mavfer.doctor.printing import print_sections, summary

HANGS = threading.Event()


def examined(monkeypatch, *checks, use="all", wait_s=20.0):
    """Return what comes of these checks alone."""
    topic = checkup.Topic("Tried", ("all", "record"), (lambda _: list(checks),))
    monkeypatch.setattr(checkup, "TOPICS", (topic,))
    return checkup.examine(Asked(use=use, machine=Machine(wait_s=wait_s)))


def test_what_a_check_raises_becomes_a_line_and_the_others_go_on(monkeypatch):
    def breaks():
        raise RuntimeError("first line\nsecond line")

    def breaks_midway():
        yield Finding("begun", "ok", "")
        raise ValueError

    fine = Finding("fine", "ok", "here")
    (section,) = examined(
        monkeypatch, Check("a", breaks), Check("b", lambda: [fine, fine]), Check("c", breaks_midway)
    )
    assert section.findings == (
        untold("a", "first line second line"),
        fine,
        fine,
        Finding("c", "unknown", "could not be told: ValueError"),
    )


def test_a_check_that_hangs_is_told_in_time(monkeypatch):
    fine = Finding("fine", "ok", "here")
    begun_s = time.monotonic()
    (section,) = examined(monkeypatch, Check("a", HANGS.wait), Check("b", lambda: fine), wait_s=1.0)
    assert time.monotonic() - begun_s < 10
    assert section.findings == (untold("a", "no answer within 1.5 s"), fine)
    HANGS.set()


def test_slow_checks_wait_side_by_side(monkeypatch):
    together = threading.Barrier(8, timeout=60)

    def meets():
        together.wait()
        return Finding("met", "ok", "")

    (section,) = examined(monkeypatch, *[Check(f"{n}", meets) for n in range(8)], wait_s=90)
    assert [one.name for one in section.findings] == ["met"] * 8


def test_a_section_that_a_use_does_without_is_one_line(monkeypatch):
    (section,) = examined(monkeypatch, Check("a", HANGS.wait), use="train")
    (found,) = section.findings
    assert (found.name, found.state) == ("Tried", "not needed")


@pytest.mark.parametrize("use", ["record", "rate", "build", "train", "all"])
def test_every_use_has_checks_and_every_section_a_use(use):
    asked = Asked(use=use)
    planned = [topic for topic in checkup.TOPICS if use in topic.uses]
    assert len(planned) >= 5
    assert all(check.name for topic in planned for one in topic.checks for check in one(asked))
    assert use != "all" or planned == list(checkup.TOPICS)


LONG = " ".join(["word"] * 40)
SECTIONS = (
    Section(
        "One",
        (
            Finding("first", "ok", "here"),
            Finding("second", "warn", LONG, "less", mend=f"mend {LONG}\nand more", advice=LONG),
            Finding("a name that is far longer than its column", "fail", "[red]not markup[/red]", mend="x"),
            Finding("third", "unknown", "could not be told: no answer within 4 s"),
        ),
    ),
    Section("Two", (Finding("Two", "not needed", "not looked at"),)),
)


def printed(sections, columns):
    """Return what a terminal of so many columns gets, line by line."""
    out = StringIO()
    print_sections(Console(file=out, width=columns, highlight=False), sections)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_the_terminal_and_commands_are_whole(columns):
    lines = printed(SECTIONS, columns)
    commands = [line for line in lines if line.strip().startswith(("mend", "and more"))]
    assert [line.strip() for line in commands] == [f"mend {LONG}", "and more"]
    assert all(len(line) <= columns for line in lines if line not in commands)
    assert all(line == line.rstrip() for line in lines)
    assert any("[red]not markup[/red]" in line for line in lines)
    assert "not needed here: two" in lines


def test_a_narrow_terminal_loses_nothing():
    assert "could not be told: no answer" in " ".join(" ".join(printed(SECTIONS, 10)).split())


def test_the_last_line_counts():
    assert (
        summary(SECTIONS) == "1 failed, 1 warning, 1 could not be told; --wait gives slow answers more time"
    )
    fine = (replace(SECTIONS[0], findings=SECTIONS[0].findings[:1]),)
    assert summary(fine) == "nothing to mend"
    assert [count(SECTIONS, state) for state in ("ok", "fail", "not needed")] == [1, 1, 1]
