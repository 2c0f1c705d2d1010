import re
import signal
import subprocess
import sys

import httpx
import pytest

MAVFER = (sys.executable, "-m", "mavfer", "dataset", "view")


def run(*words):
    return subprocess.run([*MAVFER, *map(str, words)], capture_output=True, text=True)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_served_until_ctrl_c_which_is_no_failure(dataset, ending):
    words = [*MAVFER, str(dataset), "--session", "S02-a", "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?token=[\w-]+", link)
        with httpx.Client(trust_env=False) as client:
            assert client.get(link).status_code == 200
            catalog = client.get(link.split("/enter")[0] + "/catalog").json()
        assert catalog["first"] == 1
        process.send_signal(ending)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 0
    assert complaints.splitlines()[-1] == "the page is closed"
    assert "Traceback" not in complaints


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["--save", "a.rrd"], 2, "add --rerun"),
        (["--overwrite"], 2, "with --save"),
        (["--rerun", "--port", "9"], 2, "leave one out"),
        (["--session", "S9"], 1, "wanted one of the sessions S01-a"),
        (["--rerun", "--save", "a.rrd", "--session", "S04-a"], 1, "was not built"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(dataset, words, status, line):
    ended = run(dataset, "--no-browser", *words)
    assert (ended.returncode, ended.stdout) == (status, "")
    (complaint,) = [one for one in ended.stderr.splitlines() if one.startswith("error:")]
    assert line in complaint


def test_a_folder_that_is_no_dataset_is_said_in_one_line(tmp_path):
    ended = run(tmp_path, "--no-browser")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: wanted a dataset folder")


def test_a_recording_is_written_once_and_replaced_only_when_asked(dataset, tmp_path):
    out = tmp_path / "take.rrd"
    first = run(dataset, "--rerun", "--save", out)
    assert (first.returncode, first.stdout.strip()) == (0, str(out))
    assert run(dataset, "--rerun", "--save", out).returncode == 1
    assert run(dataset, "--rerun", "--save", out, "--overwrite").returncode == 0
