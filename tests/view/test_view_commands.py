"""The commands as a shell meets them: one line for what cannot be shown, a link for what can."""

import signal
import subprocess
import sys

import httpx
import pytest
import typer
from typer.testing import CliRunner

from mavfer.errors import MavferError, UsageError
from mavfer.view import commands


@pytest.fixture(scope="module")
def run():
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command("view")(commands.view)
    app.command("sheet")(commands.sheet)
    runner = CliRunner()

    def one(*words):
        return runner.invoke(app, [str(word) for word in words])

    return one


@pytest.mark.parametrize(
    ("words", "kind", "line"),
    [
        (["S01-a", "--save", "a.rrd"], UsageError, "add --rerun"),
        (["S01-a", "--overwrite"], UsageError, "with --save"),
        (["S01-a", "--rerun", "--save", "a.rbl"], UsageError, "ends in .rrd"),
        (["S01-a", "--rerun", "--port", "9"], UsageError, "leave one out"),
        (["S01-a", "--rerun", "--landmarks"], UsageError, "wanted --landmarks for the page"),
        (["S01-a", "--session", "S01"], UsageError, "wanted --session with a dataset or a run"),
        (["mran", "--traces", "t"], UsageError, "wanted --traces with a session"),
        (["clips", "--calibration", "c"], UsageError, "wanted --calibration with a session"),
        (["mran", "--session", "S99"], MavferError, "wanted one of the sessions S04-a, S05-a"),
        (["clips", "--session", "S99"], MavferError, "wanted one of the sessions S01-a"),
        (["absent"], MavferError, "found nothing"),
        (["traces"], MavferError, "none of these files"),
        (["S01-a", "--calibration", "absent.toml"], MavferError, "absent.toml"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(run, lab, words, kind, line):
    name, *options = words
    ended = run("view", lab / name, "--no-browser", *options)
    assert isinstance(ended.exception, kind)
    assert line in str(ended.exception)
    assert "\n" not in str(ended.exception)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT")
@pytest.mark.parametrize("words", ["view", "dataset view"])
def test_the_page_of_a_dataset_calls_itself_what_was_typed(lab, words):
    typed = [sys.executable, "-P", "-m", "mavfer", *words.split(), str(lab / "clips"), "--no-browser"]
    served = subprocess.Popen(typed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert served.stdout is not None
    try:
        link = served.stdout.readline().strip()
        with httpx.Client(base_url=link.partition("/enter")[0], trust_env=False) as browser:
            assert browser.get(link, follow_redirects=True).status_code == 200
            assert browser.get("/catalog").json()["command"] == f"mavfer {words}"
    finally:
        served.send_signal(signal.SIGINT)
        served.wait(60)
        served.stdout.close()


@pytest.mark.parametrize(("name", "more"), [("S01-a", ()), ("mran", ("--session", "S05-a")), ("clips", ())])
def test_each_of_the_three_becomes_a_recording_for_rerun(run, lab, tmp_path, name, more):
    out = tmp_path / "take.rrd"
    ended = run("view", lab / name, "--rerun", "--save", out, *more)
    assert ended.exit_code == 0, ended.exception
    assert ended.stdout.splitlines()[-1] == str(out)
    assert out.read_bytes()[:4] == b"RRF2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take.rbl", "take.rrd"]
    again = run("view", lab / name, "--rerun", "--save", out, *more)
    assert isinstance(again.exception, MavferError)
    assert "--overwrite" in str(again.exception)


def test_a_sheet_is_written_once_and_misuse_is_told(run, lab, tmp_path):
    out = tmp_path / "sheet.png"
    assert run("sheet", lab / "S01-a", "--out", out, "--count", "2").stdout.strip() == str(out)
    assert "--overwrite" in str(run("sheet", lab / "S01-a", "--out", out).exception)
    for words, line in (
        (["--out", "a.jpg"], ".png or .html"),
        (["--out", "a.png", "--count", "2", "--every", "2"], "leave one out"),
        (["--out", "a.png", "--streams", "color,sound"], "found 'sound'"),
        (["--out", "a.png", "--dataset", "d"], "wanted --dataset with a run"),
    ):
        ended = run("sheet", lab / "S01-a", *words)
        assert isinstance(ended.exception, UsageError)
        assert line in str(ended.exception)
