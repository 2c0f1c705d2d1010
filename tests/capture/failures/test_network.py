"""The network between two machines: cut for a while, and joined by those who do not belong to the lab."""

import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import zmq

from mavfer.capture.desk import Stop
from mavfer.capture.keys import make_keys
from mavfer.capture.link import MasterLink, RecorderLink
from mavfer.capture.messages import Hello, Report
from mavfer.capture.rig import read_rig
from mavfer.capture.session import open_session
from mavfer.capture.session_facts import session_facts
from mavfer.capture.synchronize import synchronize
from mavfer.errors import ConfigError, RecordError

WAIT_S = 60.0
SEEN_WITHIN_S = 2.0
HEARD_AGAIN_WITHIN_S = 6.0
"""A second until the recorder tries to connect again, three until an attempt that was lost is given up."""


def refuse(why):
    """Do without a network of the test's own; where everything must be tested that is a failure."""
    end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    end(f"no network of the test's own can be made here: {why}")


class Machine:
    """A network of its own, held by a process that ends with its standard input."""

    def __init__(self, *enter):
        script = "ip link set lo up && echo up && exec cat"
        self.holder = subprocess.Popen(
            [*enter, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self.holder.stdout.readline() != "up\n":
            refuse(self.holder.communicate()[1].strip())
        pid = str(self.holder.pid)
        self.inside = ("nsenter", "--target", pid, "--user", "--net", "--preserve-credentials", "--")

    def run(self, *words):
        done = subprocess.run(
            [*self.inside, *words], capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        assert done.returncode == 0, done.stderr

    def close(self):
        self.holder.communicate()


class Cable:
    """Two machines, 10.77.0.1 with the master and 10.77.0.2 with the recorder, and the cable between them."""

    def __init__(self):
        if sys.platform != "linux":
            pytest.skip("networks of a test's own are Linux's")
        for program in ("unshare", "nsenter", "ip"):
            if shutil.which(program) is None:
                refuse(f"{program!r} is not installed")
        self.near = Machine("unshare", "--user", "--map-root-user", "--net")
        self.far = Machine(*self.near.inside, "unshare", "--net")
        self.near.run(
            *("ip", "link", "add", "near", "type", "veth", "peer", "name", "far"),
            *("netns", str(self.far.holder.pid)),
        )
        for machine, name, address in (
            (self.near, "near", "10.77.0.1/24"),
            (self.far, "far", "10.77.0.2/24"),
        ):
            machine.run("ip", "address", "add", address, "dev", name)
            machine.run("ip", "link", "set", name, "up")

    def pull(self):
        """Pull the plug: both machines see it."""
        self.near.run("ip", "link", "set", "near", "down")

    def plug_in(self):
        self.near.run("ip", "link", "set", "near", "up")

    def lose_everything(self):
        """Let packets vanish on the way, as in a switch that hangs: no machine sees it."""
        nowhere = ("lladdr", "02:00:00:00:00:77", "nud", "permanent")
        self.near.run("ip", "neighbor", "replace", "10.77.0.2", *nowhere, "dev", "near")
        self.far.run("ip", "neighbor", "replace", "10.77.0.1", *nowhere, "dev", "far")

    def lose_nothing(self):
        self.near.run("ip", "neighbor", "del", "10.77.0.2", "dev", "near")
        self.far.run("ip", "neighbor", "del", "10.77.0.1", "dev", "far")

    def close(self):
        self.far.close()
        self.near.close()


def new_keys(rig, folder):
    """Make keys with the command; return the folders of the two machines, each with its own keys alone."""
    command = [sys.executable, "-m", "mavfer", "keys", "new", str(folder), "--rig", str(rig)]
    subprocess.run(command, check=True, capture_output=True, timeout=WAIT_S)
    machines = folder.with_name("near-keys"), folder.with_name("far-keys")
    for machine, names in zip(machines, (("master.key", "cam.pub"), ("cam.key", "master.pub")), strict=True):
        machine.mkdir(mode=0o700)
        for name in names:
            shutil.copy2(folder / name, machine / name)
    return machines


def write_rig(path, film, *, host, port, keys, master_host):
    path.write_text(
        f"""
keys = {json.dumps(str(keys))}
reserve_mb = 1
[master]
host = "{master_host}"
port = {port}
[recorders.cam]
host = "{host}"
spawn = false
camera = "video"
path = {json.dumps(str(film))}
folder = "disk"
""",
        encoding="utf-8",
    )
    return path


def cut_take(folder, film, master_of, *, seconds, cut_s, vanish):
    """Record over a cable that is cut three ticks after the beginning; return what was seen meanwhile."""
    folder.mkdir()
    file = write_rig(
        folder / "rig.toml", film, host="10.77.0.2", port=5570, keys=folder / "keys", master_host="10.77.0.1"
    )
    near_keys, far_keys = new_keys(file, folder / "keys")
    places = {"port": 5570, "master_host": "10.77.0.1", "host": "10.77.0.2"}
    near_rig = write_rig(folder / "near.toml", film, keys=near_keys, **places)
    far_rig = write_rig(folder / "far.toml", film, keys=far_keys, **places)
    cable = Cable()
    recorder = None
    try:
        log = (folder / "recorder.log").open("wb")
        recorder = subprocess.Popen(
            [*cable.far.inside, sys.executable, "-m", "mavfer", "recorder", "cam", "--rig", str(far_rig)],
            cwd=folder,
            stderr=log,
        )
        log.close()
        master = master_of(folder / "take", near_rig, seconds, inside=cable.near.inside)
        master.until(lambda status: status["tick"] >= 3)
        cut_at = len(master.statuses)
        (cable.lose_everything if vanish else cable.pull)()
        silent = master.until(
            lambda status: any("silent" in line for line in status["problems"]), since=cut_at
        )
        begun_ns = silent["now_ns"] - round(silent["recorders"][0]["silent_s"] * 1e9)
        stored = folder / "disk" / "take" / "cam.0000.mcap"
        n_bytes = stored.stat().st_size
        last = master.until(lambda status: status["now_ns"] - begun_ns > cut_s * 1e9, since=cut_at)
        grown = stored.stat().st_size - n_bytes
        (cable.lose_nothing if vanish else cable.plug_in)()
        up_at = len(master.statuses)
        kept = last["recorders"][0]["kept"]
        heard = master.until(lambda status: status["recorders"][0]["kept"] > kept, since=up_at)
        report = master.outcome()
        return SimpleNamespace(
            path=folder / "take",
            log=(folder / "recorder.log").read_text(encoding="utf-8"),
            report=report,
            silent_s=(silent["now_ns"] - begun_ns) / 1e9,
            kept_before=kept,
            grown_bytes=grown,
            kept_after=heard["recorders"][0]["kept"],
            heard_after_s=(heard["now_ns"] - master.statuses[up_at - 1]["now_ns"]) / 1e9,
            disk=folder / "disk" / "take",
        )
    finally:
        if recorder is not None:
            recorder.terminate()
            recorder.wait(WAIT_S)
        cable.close()


CUTS = {
    "for 30 s": {"seconds": 36, "cut_s": 30, "vanish": False},
    "for 10 s, unseen": {"seconds": 18, "cut_s": 10, "vanish": True},
    "beyond the plan's end": {"seconds": 6, "cut_s": 12, "vanish": False},
    "beyond the plan's end, unseen": {"seconds": 6, "cut_s": 12, "vanish": True},
}


@pytest.fixture(scope="module")
def cuts(tmp_path_factory, long_film, masters_of_the_module):
    """Record with each of the cuts, all at once; they wait for most of the time."""
    folder = tmp_path_factory.mktemp("cuts")
    with ThreadPoolExecutor(len(CUTS)) as pool:
        takes = {
            how: pool.submit(
                cut_take, folder / how.replace(" ", "-"), long_film, masters_of_the_module, **settings
            )
            for how, settings in CUTS.items()
        }
        return {how: take.result() for how, take in takes.items()}


@pytest.fixture(params=CUTS)
def cut(request, cuts):
    """Return what was seen with one of the cuts."""
    return SimpleNamespace(**vars(cuts[request.param]), n_ticks=CUTS[request.param]["seconds"] * 10)


def test_a_cut_of_the_network_costs_no_frame_and_the_take_ends_complete(cut):
    assert cut.report["error"] == ""
    assert cut.report["state"] == "complete"
    assert cut.report["frames_kept"] == {"cam": cut.n_ticks}
    assert cut.report["frames_lost"] == {"cam": {}}
    assert "Traceback" not in cut.log


def test_a_cut_is_seen_within_two_seconds_and_its_end_soon(cut):
    assert cut.silent_s < SEEN_WITHIN_S
    assert cut.heard_after_s < HEARD_AGAIN_WITHIN_S


def test_recording_goes_on_behind_a_cut(cut):
    assert cut.grown_bytes > 10_000
    assert cut.kept_before < 20  # the last that the operator had heard
    assert cut.kept_after > cut.kept_before + 30


def test_what_was_recorded_behind_a_cut_reconciles(cut, tmp_path):
    path = tmp_path / "take"
    shutil.copytree(cut.path, path)
    for file in cut.disk.glob("*.mcap"):
        if not (path / file.name).exists():
            shutil.copy2(file, path / file.name)
    assert session_facts(path, deep=True).problems == ()
    session = open_session(path)
    found = synchronize(session).report
    assert found.frames == {"color": cut.n_ticks}
    assert session.counters("cam")[-1]["kept"] == cut.n_ticks
    clock = found.clocks["cam"]
    assert clock.n_epochs == 1
    assert clock.steps_s == ()
    assert clock.residual_ms < 5
    texts = [event["text"] for event in session.events("master") if event["kind"] == "silence"]
    assert texts[:2] == ["recorder cam fell silent", "recorder cam was heard again"]


@pytest.fixture
def keyed(lab, long_film):
    """Return a lab with keys, all on this machine, and a function that writes rig files for other keys."""
    make_keys(lab.folder / "keys", ("cam",))
    make_keys(lab.folder / "strange-keys", ("cam",))

    def file_for(name, keys):
        return write_rig(
            lab.folder / f"{name}.toml",
            long_film,
            host="127.0.0.1",
            port=lab.port,
            keys=lab.folder / keys,
            master_host="127.0.0.1",
        )

    lab.file = file_for("rig", "keys")
    return SimpleNamespace(lab=lab, rig=read_rig(lab.file), file_for=file_for)


def mixed_keys(lab):
    """Return a folder in which a recorder holds the right master's key, and a strange one of its own."""
    mixed = lab.folder / "mixed-keys"
    mixed.mkdir(mode=0o700)
    shutil.copy2(lab.folder / "strange-keys" / "cam.key", mixed / "cam.key")
    shutil.copy2(lab.folder / "keys" / "master.pub", mixed / "master.pub")
    return mixed.name


def test_recorders_with_strange_keys_have_no_effect_on_a_take_and_both_sides_say_why(
    keyed, tmp_path, operator_of
):
    keyed.lab.start()
    operator = operator_of(tmp_path / "take", keyed.rig, seconds=50)
    operator.until(lambda status: status.state == "recording")
    whys = (
        (mixed_keys(keyed.lab), "does not know this recorder's key", "refused a peer with the unknown key"),
        ("strange-keys", "has another key than master.pub", "that wants a master with another key"),
    )
    for keys, there, here in whys:
        keyed.lab.file = keyed.file_for("stranger", keys)
        stranger = keyed.lab.start()
        stranger.until_said(there)
        operator.until(lambda status, here=here: here in status.notice)
        assert not any("joined" in line for line in stranger.lines)
        assert stranger.process.poll() is None
    report = stopped(operator)
    events = open_session_at_home(report).events("master")
    told = [event["text"] for event in events if event["kind"] == "refused"]
    for _, _, here in whys:
        assert any(here in line for line in told)
    assert not any("\n" in line for line in told)


def stopped(operator):
    """Stop a take; see that it went on until then and has a frame for every tick."""
    operator.desk.ask(Stop())
    report = operator.outcome()
    assert not isinstance(report, BaseException), report
    assert (report.state, report.complaints, report.n_lost) == ("stopped", (), 0)
    assert report.frames_kept == {"cam": report.n_ticks}
    return report


def started(lab):
    """Start the recorder, and return once it knocks at the master's door."""
    with socket.create_server(("127.0.0.1", lab.port)) as door:
        door.settimeout(WAIT_S)
        recorder = lab.start()
        door.accept()[0].close()
    return recorder


def test_a_master_with_a_strange_key_finds_nobody_and_the_recorder_waits_for_the_right_one(
    keyed, tmp_path, operator_of
):
    recorder = started(keyed.lab)
    strange = read_rig(keyed.file_for("stranger", "strange-keys"))
    error = operator_of(tmp_path / "take", strange, seconds=1, gather_timeout_s=4.0).outcome()
    assert isinstance(error, RecordError)
    assert "wanted recorder 'cam' on 127.0.0.1 to join within 4 s" in str(error)
    assert "refused a peer that wants a master with another key" in str(error)
    assert not (tmp_path / "take").exists()
    recorder.until_said("has another key than master.pub")
    report = operator_of(tmp_path / "take", keyed.rig, seconds=1).outcome()
    assert not isinstance(report, BaseException), report
    assert report.state == "complete"


def test_a_recorder_that_no_master_knew_joins_once_its_key_is_known(keyed, tmp_path, operator_of):
    keyed.lab.file = keyed.file_for("mixed", mixed_keys(keyed.lab))
    recorder = started(keyed.lab)
    error = operator_of(tmp_path / "take", keyed.rig, seconds=1, gather_timeout_s=4.0).outcome()
    assert "refused a peer with the unknown key" in str(error)
    recorder.until_said("does not know this recorder's key")
    shutil.copy2(keyed.lab.folder / "strange-keys" / "cam.pub", keyed.lab.folder / "keys" / "cam.pub")
    report = operator_of(tmp_path / "take", keyed.rig, seconds=1).outcome()
    assert not isinstance(report, BaseException), report
    assert report.state == "complete"


def test_a_peer_without_keys_is_not_heard_and_not_answered(keyed, tmp_path, operator_of):
    keyed.lab.start()
    operator = operator_of(tmp_path / "take", keyed.rig, seconds=50)
    operator.until(lambda status: status.state == "recording")
    hello = Hello(pid=1, host="there", version="1", boot_id="x", state="waiting").model_dump()
    bare = RecorderLink("cam.00000000", master=f"tcp://127.0.0.1:{keyed.lab.port}")
    context = zmq.Context()
    pings, status = context.socket(zmq.DEALER), context.socket(zmq.PUB)
    try:
        pings.connect(f"tcp://127.0.0.1:{keyed.lab.port + 1}")
        status.connect(f"tcp://127.0.0.1:{keyed.lab.port + 2}")
        told = ("refused a peer that uses no keys", "a peer broke off before it showed a key")
        operator.until(lambda status: any(words in status.notice for words in told))
        assert not bare.send(Report(kind="hello", body=hello))
        with suppress(zmq.Again):  # as long as it tries to connect a message may wait, then not even that
            pings.send(bytes(16), zmq.NOBLOCK)
        status.send_multipart([b"status", b"cam.00000000", b'{"state": "finished"}'])
        assert bare.receive(1.0) is None
        assert not pings.poll(100)
    finally:
        bare.close()
        context.destroy(linger=0)
    report = stopped(operator)
    kinds = [event["kind"] for event in open_session_at_home(report).events("master")]
    assert "malformed" not in kinds


def open_session_at_home(report):
    """Return a session whose files lie elsewhere, brought home."""
    for folder in report.elsewhere.values():
        for file in Path(folder).glob("*.mcap"):
            shutil.copy2(file, report.path / file.name)
    return open_session(report.path)


def test_a_rig_over_the_network_without_keys_is_refused_by_its_file(tmp_path, film):
    for master_host, host in (
        ("10.77.0.1", "127.0.0.1"),
        ("127.0.0.1", "10.77.0.2"),
        ("0.0.0.0", "10.77.0.2"),
    ):
        file = write_rig(
            tmp_path / "rig.toml", film, host=host, port=5570, keys=tmp_path, master_host=master_host
        )
        text = file.read_text(encoding="utf-8")
        file.write_text("\n".join(text.splitlines()[2:]), encoding="utf-8")
        with pytest.raises(ConfigError, match=r"a rig over the network wants keys = FOLDER.*rig\.toml$"):
            read_rig(file)
    with pytest.raises(RecordError, match="could not"):
        MasterLink(host="10.77.0.1")


def test_a_recorder_that_starts_after_the_master_joins_it_and_is_seen_within_seconds(
    lab, long_film, tmp_path, operator_of
):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    operator = operator_of(tmp_path / "take", rig, seconds=3, previews=True)
    operator.until(lambda status: status.state == "gathering" or status.recorders)
    recorder = lab.start()
    recorder.until_said("joined by the master")
    begun = operator.until(lambda status: status.state == "recording")
    seen = operator.until(lambda status: status.tick >= 3 and status.recorders[0].n_pings >= 8)
    assert seen.elapsed_s - begun.elapsed_s < 3
    operator.until(lambda _: operator.desk.preview("color") is not None)
    report = operator.outcome()
    assert not isinstance(report, BaseException), report
    assert (report.state, report.n_lost) == ("complete", 0)
