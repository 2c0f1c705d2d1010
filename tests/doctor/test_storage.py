"""Disks with and without room, the small one a file system of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mavfer.doctor.asked import Asked
from mavfer.doctor.storage import check_room, check_speed, check_temporary, checks

from .conftest import refuse

GB = 10**9
SMALL = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from mavfer.doctor.asked import Asked
from mavfer.doctor.storage import checks
print(json.dumps([asdict(check.look()) for check in checks(Asked(use="record", at=Path("disk/sessions")))]))
"""


def test_a_disk_that_a_take_does_not_fit_on_fails_and_a_small_one_is_doubted(tmp_path):
    states = [
        check_room(free, 2000 * GB, folder=tmp_path, use="record", reserve_mb=1024).state
        for free in (GB, 20 * GB, 100 * GB)
    ]
    assert states == ["fail", "warn", "ok"]
    assert check_room(5 * GB, 9 * GB, folder=tmp_path, use="rate", reserve_mb=1024).state == "ok"
    assert check_room(5 * GB, 9 * GB, folder=tmp_path, use="all", reserve_mb=8000).state == "fail"


def test_a_slow_disk_is_doubted_by_those_who_record():
    assert check_speed(5e6, recording=True).state == "warn"
    assert check_speed(5e6, recording=False).state == "ok"
    assert check_speed(500e6, recording=True).state == "ok"


def test_too_little_room_for_temporary_files_is_told():
    assert check_temporary("/tmp", 10**8).state == "warn"
    assert "TMPDIR" in check_temporary("/tmp", 10**8).mend
    assert check_temporary("/tmp", 10**11).state == "ok"


def test_the_disk_of_a_folder_that_is_not_there_yet_is_measured_and_left_as_it_was(tmp_path):
    found = [check.look() for check in checks(Asked(at=tmp_path / "sessions" / "2030"))]
    assert [one.name for one in found] == ["disk", "write speed", "temporary files"]
    assert "MB/s" in found[1].found
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_a_failure_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    room, speed = (check.look() for check in checks(Asked(at=tmp_path / "file"))[:2])
    assert (room.state, speed.state) == ("fail", "fail")
    assert "wanted a folder" in room.found
    assert "wanted a folder" in speed.found


def test_a_full_disk_fails_with_what_lies_on_it(tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        refuse("a file system of its own needs root and unshare on Linux")
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=4m tmpfs disk && mkdir disk/sessions && exec "$0" -P -c "$1"'
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, sys.executable, SMALL]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    room, speed, _ = json.loads(done.stdout)
    assert (room["state"], speed["state"]) == ("fail", "fail")
    assert room["mend"] == f"du -xh --max-depth=1 {Path(tmp_path).resolve()}/disk/sessions | sort -h"
    assert "room" in speed["found"]
