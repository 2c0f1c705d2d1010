import os
import subprocess
import sys
from pathlib import Path

import pytest

from mavfer.capture.disk import (
    BLOCK_BYTES,
    MESSAGE_OVERHEAD_BYTES,
    disk_of,
    estimate_bytes_per_s,
    require_room,
    size_text,
    write_speed_bytes_per_s,
)
from mavfer.capture.mcap_file import McapWriter
from mavfer.capture.payload import stream_channel
from mavfer.capture.streams import A65_THERMAL, COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED
from mavfer.errors import RecordError

MIB = 2**20
needs_mount = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a file system of its own needs root on Linux"
)


def on_small_disk(tmp_path: Path, code: str, *, size: str = "24m") -> list[str]:
    """Run code with `disk`, a tmpfs that only the child process sees, and return the lines it prints."""
    disk = tmp_path / "disk"
    disk.mkdir()
    preamble = "from pathlib import Path\nfrom mavfer.capture.disk import *\ndisk = Path('disk').resolve()\n"
    script = f'mount -t tmpfs -o size={size} tmpfs disk && exec "$0" -c "$1"'
    private = ("unshare", "--mount", "--propagation", "private")
    child = subprocess.run(
        [*private, "sh", "-c", script, sys.executable, preamble + code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.stderr == ""
    assert list(disk.iterdir()) == []
    return child.stdout.splitlines()


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_its_parent(tmp_path):
    there, absent = disk_of(tmp_path), disk_of(tmp_path / "sessions" / "2026" / "take")
    assert (there.total_bytes, there.device) == (absent.total_bytes, absent.device)
    assert 0 < there.free_bytes <= there.total_bytes
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_on_the_disk_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert disk_of(Path("take")).device == disk_of(tmp_path).device


@pytest.mark.parametrize("name", ["file", "file/take", "link", "link/take"])
def test_a_file_in_the_place_of_a_folder_is_refused(name, tmp_path):
    (tmp_path / "file").write_text("")
    if os.name == "posix":
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    elif "link" in name:
        return
    wanted = rf"wanted a folder to record into, found something else: .*{name.split('/')[0]}$"
    for look in (disk_of, write_speed_bytes_per_s):
        with pytest.raises(RecordError, match=wanted):
            look(tmp_path / name)


@needs_mount
def test_the_free_space_is_that_of_the_disk_that_the_folder_is_on(tmp_path):
    code = """
before = disk_of(disk / "take")
(disk / "file").write_bytes(bytes(10 * 2**20))
after = disk_of(disk / "take")
print(before.total_bytes, before.free_bytes - after.free_bytes, before.device == after.device)
print(before.device == disk_of(disk.parent).device)
"""
    assert on_small_disk(tmp_path, code) == [f"{24 * MIB} {10 * MIB} True", "False"]


def test_the_write_speed_is_measured_and_leaves_no_file(tmp_path):
    speed = write_speed_bytes_per_s(tmp_path / "take", n_bytes=4 * BLOCK_BYTES)
    assert speed > 0
    assert list(tmp_path.iterdir()) == []


@needs_mount
def test_measuring_takes_at_most_a_quarter_of_what_is_free(tmp_path):
    code = """
import re
def written():
    return int(re.search(r"wchar: (\\d+)", Path("/proc/self/io").read_text())[1])
before = written()
print(write_speed_bytes_per_s(disk) > 0, (written() - before) // 2**20, list(disk.iterdir()))
"""
    assert on_small_disk(tmp_path, code) == ["True 6 []"]


@needs_mount
def test_a_full_disk_and_one_that_cannot_be_written_to_are_one_line_each(tmp_path):
    code = """
import subprocess
from mavfer.errors import RecordError
(disk / "file").write_bytes(bytes(20 * 2**20))
def attempt():
    try:
        write_speed_bytes_per_s(disk)
    except RecordError as error:
        print(error)
attempt()
(disk / "file").unlink()
subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
attempt()
"""
    full, closed = on_small_disk(tmp_path, code)
    assert full.startswith("wanted room for 8.4 MB to measure the write speed, found 4.2 MB; free some: ")
    assert closed.startswith("cannot measure the write speed (Read-only file system): ")


@needs_mount
def test_a_take_is_refused_exactly_when_it_would_touch_the_reserve(tmp_path):
    code = """
from mavfer.errors import RecordError
free = disk_of(disk).free_bytes
require_room(disk / "take", bytes_per_s=free / 20, seconds=10, reserve_bytes=free // 2)
try:
    require_room(disk / "take", bytes_per_s=free / 20, seconds=10, reserve_bytes=free // 2 + 1)
except RecordError as error:
    print(error)
"""
    assert on_small_disk(tmp_path, code) == [
        "a take of 10 s at 1.3 MB/s wants 12.6 MB and 12.6 MB in reserve, found 25.2 MB free, "
        "enough for 10 s; free some, name a folder on another disk, or record less: "
        f"{tmp_path}/disk/take"
    ]


def test_room_on_another_machine_is_judged_by_what_that_machine_told(tmp_path):
    take = {"bytes_per_s": 13.1e6, "seconds": 300, "reserve_bytes": 10**9, "recorders": ("kinect", "side")}
    require_room(tmp_path, free_bytes=4_930_000_000, **take)
    with pytest.raises(
        RecordError,
        match=r"^a take of 300 s of kinect, side at 13.1 MB/s wants 3.9 GB and 1.0 GB in reserve, "
        r"found 2.1 GB free, enough for 84 s; .*: ",
    ):
        require_room(tmp_path, free_bytes=2_100_000_000, **take)


def test_less_free_than_the_reserve_is_enough_for_nothing(tmp_path):
    with pytest.raises(RecordError, match="enough for 0 s"):
        require_room(tmp_path, bytes_per_s=1e6, seconds=0, reserve_bytes=1000, free_bytes=999)
    with pytest.raises(RecordError, match="enough for 0 s"):
        require_room(tmp_path, bytes_per_s=0, seconds=10, reserve_bytes=1000, free_bytes=999)


def test_the_estimate_covers_what_a_file_of_such_frames_takes(tmp_path):
    specs = (COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, A65_THERMAL)
    sizes = {spec.stream.value: [1000 * i, 700 * i] for i, spec in enumerate(specs, start=1)}
    writer = McapWriter(tmp_path / "x.mcap")
    for i in range(30):
        for spec in specs:
            payload = bytes(max(sizes[spec.stream.value]))
            writer.append(stream_channel(spec), payload, log_ns=i, publish_ns=i, sequence=i)
    writer.finish()
    writer.close()
    estimate = estimate_bytes_per_s(sizes, frames_per_s=30)
    assert writer.path.stat().st_size <= estimate
    assert estimate - 30 * 10_000 == pytest.approx(30 * 4 * MESSAGE_OVERHEAD_BYTES)


def test_the_estimate_grows_with_the_rate_and_with_every_stream():
    one = {"depth": [100, 300, 200]}
    assert estimate_bytes_per_s(one, frames_per_s=30) == pytest.approx(
        3 * estimate_bytes_per_s(one, frames_per_s=10)
    )
    both = one | {"infrared": [50]}
    assert estimate_bytes_per_s(both, frames_per_s=10) == pytest.approx(
        estimate_bytes_per_s(one, frames_per_s=10) + estimate_bytes_per_s({"infrared": [50]}, frames_per_s=10)
    )


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0.0 kB"), (999_999, "1000.0 kB"), (10**6, "1.0 MB"), (3_930_000_000, "3.9 GB"), (2e12, "2.0 TB")],
)
def test_sizes_read_as_people_write_them(n_bytes, text):
    assert size_text(n_bytes) == text
