import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from mavfer.capture.keys import make_keys, read_master_keys, read_recorder_keys
from mavfer.errors import ConfigError, OutputError

NAMES = ("kinect", "thermal")
posix = pytest.mark.skipif(os.name != "posix", reason="files have modes on POSIX alone")


@pytest.fixture
def keys(tmp_path) -> Path:
    make_keys(tmp_path / "keys", NAMES)
    return tmp_path / "keys"


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_master_and_recorders_read_the_same_keys_from_one_folder(keys):
    master = read_master_keys(keys, NAMES)
    assert sorted(master.recorders.values()) == list(NAMES)
    for name in NAMES:
        recorder = read_recorder_keys(keys, name)
        assert recorder.master == master.public
        assert master.recorders[recorder.public] == name
        assert zmq.curve_public(recorder.secret) == recorder.public


def test_each_machine_needs_its_own_secret_and_public_keys_only(keys, tmp_path):
    (tmp_path / "master").mkdir()
    (tmp_path / "kinect").mkdir()
    for name in ("master.key", "kinect.pub", "thermal.pub"):
        shutil.copy2(keys / name, tmp_path / "master" / name)
    for name in ("kinect.key", "master.pub"):
        shutil.copy2(keys / name, tmp_path / "kinect" / name)
    assert read_master_keys(tmp_path / "master", NAMES) == read_master_keys(keys, NAMES)
    assert read_recorder_keys(tmp_path / "kinect", "kinect") == read_recorder_keys(keys, "kinect")


def test_no_secret_stands_in_the_text_form_of_keys(keys):
    for held in (read_master_keys(keys, NAMES), read_recorder_keys(keys, "kinect")):
        assert held.secret.decode() not in repr(held)


@posix
def test_secrets_are_their_owners_alone_before_anything_is_done_to_their_mode(tmp_path):
    # At umask 0 nothing but the mode given to open protects them; chmod follows, and shows them as they were.
    code = """
import os, sys
from pathlib import Path
from mavfer.capture.keys import make_keys
os.umask(0)
def look(event, args):
    if event == "os.chmod" and ".key.partial" in str(args[0]):
        print(oct(os.stat(args[0]).st_mode & 0o777), oct(os.stat(os.path.dirname(args[0])).st_mode & 0o777))
sys.addaudithook(look)
make_keys(Path(sys.argv[1]), ("kinect", "thermal"))
"""
    child = run_python(code, tmp_path / "keys")
    assert child.stderr == ""
    assert child.stdout.splitlines() == ["0o600 0o700"] * 3


@posix
@pytest.mark.parametrize("umask", ["0", "0o77", "0o777"])
def test_modes_do_not_depend_on_the_umask(umask, tmp_path):
    code = f"""
import os, sys
from pathlib import Path
from mavfer.capture.keys import make_keys
os.umask({umask})
make_keys(Path(sys.argv[1]), ("kinect",))
"""
    child = run_python(code, tmp_path / "keys")
    assert child.stderr == ""
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {"master.key": 0o600, "kinect.key": 0o600, "master.pub": 0o644, "kinect.pub": 0o644}


def test_keys_that_exist_are_never_replaced(keys):
    before = contents(keys)
    with pytest.raises(ConfigError, match=r"wanted a new folder, found a lab's keys.*--add.*: .*keys$"):
        make_keys(keys, NAMES)
    make_keys(keys, NAMES, add=True)
    assert contents(keys) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for add in (False, True):
        with pytest.raises(ConfigError):
            make_keys(tmp_path, NAMES, add=add)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_folder_becomes_the_keys_folder(tmp_path):
    (tmp_path / "keys").mkdir()
    assert make_keys(tmp_path / "keys", NAMES) == ("master", *NAMES)
    assert read_master_keys(tmp_path / "keys", NAMES).recorders


def test_a_recorder_that_the_rig_gained_gets_keys_and_the_others_keep_theirs(keys):
    (keys / "thermal.key").unlink()  # it was carried to its machine
    before = contents(keys)
    assert make_keys(keys, (*NAMES, "side"), add=True) == ("side",)
    assert contents(keys) == before | {name: (keys / name).read_bytes() for name in ("side.key", "side.pub")}
    assert set(read_master_keys(keys, (*NAMES, "side")).recorders.values()) == {*NAMES, "side"}


def test_keys_that_were_interrupted_halfway_are_completed_from_their_secret(keys):
    before = contents(keys)
    (keys / "thermal.pub").unlink()
    assert make_keys(keys, NAMES, add=True) == ()
    assert contents(keys) == before


@posix
@pytest.mark.parametrize("add", [False, True])
def test_a_disk_that_refuses_leaves_nothing_half_written(add, tmp_path):
    if add:
        make_keys(tmp_path / "keys", NAMES)
    before = contents(tmp_path / "keys") if add else {}
    code = """
import resource, sys
from pathlib import Path
from mavfer.capture.keys import make_keys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
make_keys(Path(sys.argv[1]), ("kinect", "thermal", "side"), add=sys.argv[2] == "True")
"""
    child = run_python(code, tmp_path / "keys", add)
    assert "OutputError: cannot write the keys: File too large" in child.stderr
    assert [path.name for path in tmp_path.iterdir()] == (["keys"] if add else [])
    assert not add or contents(tmp_path / "keys") == before


def test_keys_that_cannot_be_written_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the keys"):
        make_keys(tmp_path / "file" / "keys", NAMES)


def test_the_masters_name_is_its_own(tmp_path):
    with pytest.raises(ConfigError, match="'master'"):
        make_keys(tmp_path / "keys", ("kinect", "master"))
    assert not (tmp_path / "keys").exists()


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused(mode, keys):
    for name in ("master", "kinect"):
        (keys / f"{name}.key").chmod(mode)
    with pytest.raises(ConfigError, match=rf"found mode {mode:04o}; run `chmod 600` .*: .*master\.key$"):
        read_master_keys(keys, NAMES)
    with pytest.raises(ConfigError, match=rf"found mode {mode:04o}; run `chmod 600` .*: .*kinect\.key$"):
        read_recorder_keys(keys, "kinect")


@pytest.mark.parametrize(
    ("name", "machine"),
    [("master.key", "the machine that runs `mavfer record`"), ("thermal.pub", "the master's machine")],
)
def test_what_the_master_lacks_is_named(name, machine, keys):
    (keys / name).unlink()
    with pytest.raises(ConfigError, match=rf"^{machine} needs {name}, found none; .*: .*{name}$"):
        read_master_keys(keys, NAMES)


@pytest.mark.parametrize("name", ["kinect.key", "master.pub"])
def test_what_a_recorder_lacks_is_named(name, keys):
    (keys / name).unlink()
    with pytest.raises(ConfigError, match=rf"the machine of recorder 'kinect' needs {name}, found none"):
        read_recorder_keys(keys, "kinect")


def change(path: Path, *replacements: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def swap(first: Path, second: Path) -> None:
    text = first.read_text()
    first.write_text(second.read_text())
    second.write_text(text)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda path: path.write_bytes(b"\xff\x00"), "found no TOML"),
        (lambda path: path.write_text(""), "wanted the texts name, public, secret, found other keys"),
        (lambda path: path.write_text(path.read_text()[:-20]), "found no TOML"),
        (lambda path: change(path, ('name = "master"', "name = 1")), "found other keys"),
        (
            lambda path: change(path, ('public = "', 'public = "x')),
            "public: wanted a CURVE key of 40 characters",
        ),
        (
            lambda path: change(path, ('secret = "', 'secret = "~')),
            "secret: wanted a CURVE key of 40 characters",
        ),
        (
            lambda path: swap(path, path.with_name("kinect.key")),
            "wanted the key of 'master', found that of 'k",
        ),
        (lambda path: swap(path.with_name("master.pub"), path.with_name("kinect.pub")), "that of 'kinect'"),
        (lambda path: swap(path.with_name("thermal.pub"), path.with_name("kinect.pub")), "that of 'thermal'"),
    ],
)
def test_a_damaged_or_swapped_file_is_refused_without_showing_a_secret(damage, complaint, keys):
    secrets = [line for line in (keys / "master.key").read_text().splitlines() if "secret =" in line]
    damage(keys / "master.key")
    with pytest.raises(ConfigError, match=complaint) as refusal:
        read_master_keys(keys, NAMES)
    assert "\n" not in str(refusal.value)
    assert secrets[0].split('"')[1][:10] not in str(refusal.value)


def test_a_public_key_that_is_not_the_secrets_is_refused(keys):
    public = read_recorder_keys(keys, "kinect").public.decode()
    change(keys / "kinect.key", (public, read_recorder_keys(keys, "thermal").public.decode()))
    with pytest.raises(ConfigError, match=r"belongs to the secret, found another's: .*kinect\.key"):
        read_recorder_keys(keys, "kinect")


def test_a_public_file_that_is_not_its_secrets_is_refused(keys):
    other = read_recorder_keys(keys, "thermal").public.decode()
    change(keys / "kinect.pub", (read_recorder_keys(keys, "kinect").public.decode(), other))
    with pytest.raises(ConfigError, match=r"wanted the public key of kinect\.key, found another's: .*\.pub"):
        read_recorder_keys(keys, "kinect")


@pytest.mark.parametrize("owner", ["thermal", "master"])
def test_a_key_that_two_machines_share_is_refused(owner, keys):
    held = read_recorder_keys(keys, "thermal")
    public = {"thermal": held.public, "master": held.master}[owner].decode()
    change(keys / "kinect.pub", (read_recorder_keys(keys, "kinect").public.decode(), public))
    with pytest.raises(
        ConfigError, match=f"a key of its own for recorder '.*', found that of '.*{owner[-3:]}|'kinect'"
    ):
        read_master_keys(keys, NAMES)


def test_the_command_says_which_file_goes_where(tmp_path):
    rig = tmp_path / "rig.toml"
    rig.write_text(
        'keys = "keys"\n[master]\nhost = "10.0.0.1"\n'
        '[recorders.kinect]\ncamera = "simulated_kinect"\nhost = "10.0.0.2"\n'
        '[recorders.thermal]\ncamera = "simulated_a65"\n'
    )
    command = (sys.executable, "-m", "mavfer", "keys", "new", "keys", "--rig", "rig.toml")
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[:3] == [
        "new keys for master, kinect, thermal: keys",
        "to the machine of kinect (10.0.0.2): kinect.key master.pub",
        "to the machine of the master: master.key kinect.pub thermal.pub thermal.key master.pub",
    ]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert again.returncode == 1
    assert again.stderr.startswith("error: wanted a new folder, found a lab's keys")
    assert again.stderr.count("\n") == 1
    added = subprocess.run([*command, "--add"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (added.returncode, added.stdout) == (0, "every recorder has keys: keys\n")
