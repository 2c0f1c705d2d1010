"""Lab Streaming Layer with real outlets in processes of their own. liblsl looks for streams by multicast, so
every test that uses it runs in a network namespace of its own, and nothing is ever sent to a real network."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mavfer.capture.lsl.offsets import lsl_offsets, offset_line, report_of, times_ns
from mavfer.capture.lsl.publisher import LslPublisher, LslSettings, load_pylsl, lsl_ahead_s
from mavfer.capture.lsl.recorder import LslRecorder
from mavfer.capture.lsl.samples import (
    LslStream,
    StreamForm,
    pack_samples,
    publish_time_ns,
    read_streams,
    topic_of,
    unpack_samples,
)
from mavfer.capture.mcap_file import McapWriter
from mavfer.capture.session import MasterRecord, SessionRecord, open_session, write_record
from mavfer.capture.status import Marker
from mavfer.capture.trigger import Plan
from mavfer.config import parse
from mavfer.errors import ConfigError, SessionError

WAIT_S = 30.0
INSIDE = "MAVFER_TEST_INSIDE_NAMESPACE"
ISOLATE = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
LSL_CONFIG = """\
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {127.0.0.1}
SessionID = mavfer-test
[log]
level = -3
"""


@functools.cache
def can_isolate() -> bool:
    try:
        return subprocess.run([*ISOLATE, "true"], capture_output=True, timeout=WAIT_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def in_a_namespace(test):
    """Run a test in a pytest of its own that sees no network but a loopback of its own."""
    if INSIDE in os.environ:
        return test

    def outside(tmp_path: Path) -> None:
        if not can_isolate():
            assert not os.environ.get("CI"), "CI has to be able to make a network namespace"
            pytest.skip("no network namespace can be made here")
        config = tmp_path / "lsl_api.cfg"
        config.write_text(LSL_CONFIG)
        run = subprocess.run(
            [*ISOLATE, *PYTEST, "--basetemp", str(tmp_path / "inside"), f"{__file__}::{test.__name__}"],
            env={**os.environ, INSIDE: "1", "LSLAPICFG": str(config)},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert run.returncode == 0, run.stdout + run.stderr

    outside.__name__ = outside.__qualname__ = test.__name__
    return outside


@pytest.fixture
def network() -> None:
    """Make sure that there is no network but the namespace's loopback, and bring that up."""
    import fcntl
    import struct

    assert socket.if_nameindex() == [(1, "lo")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up, running


OUTLET = """
import json, sys, time
import pylsl
spec = json.loads(sys.argv[1])
outlet = pylsl.StreamOutlet(pylsl.StreamInfo(
    spec["name"], spec["kind"], spec["n_channels"], spec["hz"], spec["dtype"], spec["source_id"]))
print("up", flush=True)
n = 0
for line in sys.stdin:
    count, period_s = int(line), 1 / (spec["hz"] or 100)
    assert outlet.wait_for_consumers(20)
    now_ns, now_s = time.monotonic_ns(), pylsl.local_clock()
    ago_s = [(count - 1 - k) * period_s for k in range(count)]
    for k in range(count):
        number = str(n) + "\\u00e4" if spec["dtype"] == "string" else n
        outlet.push_sample([number] * spec["n_channels"], now_s - ago_s[k])
        n += 1
    print(json.dumps([now_ns - round(ago * 1e9) for ago in ago_s]), flush=True)
"""


class Outlet:
    """A stream of another program."""

    def __init__(
        self, name, *, kind="EEG", hz=100.0, n_channels=2, dtype="float32", source_id=None, ahead_s=0
    ):
        spec = {"name": name, "kind": kind, "hz": hz, "n_channels": n_channels, "dtype": dtype}
        spec["source_id"] = f"source-{name}" if source_id is None else source_id
        clock = ["unshare", "--time", "--monotonic", str(ahead_s)] if ahead_s else []
        self._process = subprocess.Popen(
            [*clock, sys.executable, "-c", OUTLET, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "up"

    def push(self, count):
        """Push samples; return when they were taken, on the sender's monotonic clock."""
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return np.array(json.loads(self._line()), np.int64)

    def signal(self, number):
        self._process.send_signal(number)

    def end(self):
        self._process.kill()
        self._process.communicate()

    def _line(self):
        return self._process.stdout.readline().strip()


@pytest.fixture
def outlet():
    made = []

    def make(name, **options):
        made.append(Outlet(name, **options))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def recorder():
    made = []

    def make(*predicates, **options):
        made.append(LslRecorder(predicates, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Take:
    """A session with a master's file, as `LslRecorder` writes it."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        self._lock = threading.Lock()
        self._writer = McapWriter(path / "master.0000.mcap")

    def add(self, channel, payload, **times):
        with self._lock:
            self._writer.append(channel, payload, **times)

    def close(self):
        self._writer.close()

    @property
    def size(self):
        return self._writer.size

    def read(self):
        self._writer.finish()
        self.close()
        record = {
            "id": self._path.name,
            "subject": "S01",
            "rig": "test",
            "simulated": False,
            "state": "complete",
            "started_utc": "2026-01-01T00:00:00Z",
            "plan": Plan(first_tick_ns=0, n_ticks=0),
            "master": MasterRecord(address="tcp://127.0.0.1:1", boot_id="x", files=("master.0000.mcap",)),
            "recorders": {},
        }
        write_record(self._path, SessionRecord.model_validate(record))
        return open_session(self._path)


@pytest.fixture
def take(tmp_path):
    one = Take(tmp_path / "take")
    yield one
    one.close()


def wait_for(true, what=""):
    end_s = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not true():
        assert time.monotonic() < end_s, what
        pause.wait(0.02)


def states(recorder):
    return {status.name: status.state for status in recorder.statuses()}


def counts(recorder):
    return {status.name: status.n_samples for status in recorder.statuses()}


def texts(session):
    return [event["text"] for event in session.events("master") if event["kind"] == "lsl"]


def truth_error_ms(stream, truth_ns):
    return np.abs(times_ns(stream) - truth_ns).max() / 1e6


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_streams_are_recorded_whole_with_their_stamps_and_on_the_masters_clock(outlet, recorder, take):
    eeg, words = outlet("eeg", n_channels=4), outlet("Labels / π", kind="Markers", hz=0, dtype="string")
    numbers = outlet("int", kind="EEG", hz=0, n_channels=1, dtype="int64")
    lsl = recorder("type='EEG'", "type='Markers'")
    lsl.begin(take.add)
    wait_for(lambda: list(states(lsl).values()) == ["connected"] * 3)
    truth = {"eeg": eeg.push(500), "Labels / π": words.push(3), "int": numbers.push(7)}
    wait_for(lambda: counts(lsl) == {"eeg": 500, "Labels / π": 3, "int": 7})
    lsl.end()
    session = take.read()
    streams = {stream.form.name: stream for stream in read_streams(session)}
    assert {stream.form.topic for stream in streams.values()} == {"lsl/eeg", "lsl/Labels_", "lsl/int"}
    np.testing.assert_array_equal(streams["eeg"].values, np.repeat(np.arange(500.0), 4).reshape(500, 4))
    assert streams["eeg"].values.dtype == np.float32
    assert streams["int"].values.dtype == np.int64
    assert streams["Labels / π"].values.tolist() == [[f"{n}ä"] * 2 for n in range(3)]
    for name, stream in streams.items():
        assert len(stream.clock) >= 1, name
        assert truth_error_ms(stream, truth[name]) < 2
    (eeg_report,) = (report for report in lsl_offsets(session) if report.name == "eeg")
    assert eeg_report.problems == ()
    assert eeg_report.rate_hz == pytest.approx(100, rel=1e-6)
    assert sorted(text.split("'")[1] for text in texts(session)) == sorted(streams)


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_stream_of_a_machine_with_another_clock_comes_onto_the_masters(outlet, recorder, take):
    eeg = outlet("eeg", ahead_s=1000)
    lsl = recorder("name='eeg'")
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    lsl.begin(take.add)
    truth_ns = eeg.push(200) - 1_000_000_000_000
    wait_for(lambda: counts(lsl) == {"eeg": 200})
    lsl.end()
    (stream,) = read_streams(session := take.read())
    assert truth_error_ms(stream, truth_ns) < 2
    (report,) = lsl_offsets(session)
    assert report.offset_ms == pytest.approx(-1e6, abs=2)
    assert report.n_unmapped == 0


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_sender_that_is_killed_is_told_and_taken_in_again_when_it_is_back(outlet, recorder, take):
    eeg = outlet("eeg")
    lsl = recorder("type='EEG'")
    lsl.begin(take.add)
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    eeg.push(50)
    wait_for(lambda: counts(lsl) == {"eeg": 50})
    eeg.end()
    wait_for(lambda: states(lsl) == {"eeg": "lost"})
    assert lsl.missing() == ("type='EEG'",)
    assert lsl.statuses()[0].problem == "LSL stream 'eeg' is lost"
    again = outlet("eeg")
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    truth_ns = again.push(70)
    wait_for(lambda: counts(lsl) == {"eeg": 120})
    lsl.end()
    (stream,) = read_streams(session := take.read())
    assert stream.connection.tolist() == [0] * 50 + [1] * 70
    assert np.abs(times_ns(stream)[50:] - truth_ns).max() < 2e6
    (report,) = lsl_offsets(session)
    assert report.problems == ("lsl/eeg: lost and found again 1 times",)
    told = [text.replace(socket.gethostname(), "HOST") for text in texts(session)]
    assert told == [
        "stream 'eeg' of 'HOST' is there",
        "stream 'eeg' is lost (the stream has been lost)",
        "stream 'eeg' of 'HOST' is back",
    ]
    assert lsl.complaints == (told[1],)


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_sender_that_hangs_is_silent_within_seconds_and_loses_nothing(outlet, recorder, take):
    eeg = outlet("eeg")
    lsl = recorder("type='EEG'")
    lsl.begin(take.add)
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    eeg.push(300)
    eeg.signal(signal.SIGSTOP)
    wait_for(lambda: states(lsl) == {"eeg": "silent"})
    eeg.signal(signal.SIGCONT)
    eeg.push(100)
    wait_for(lambda: counts(lsl) == {"eeg": 400})
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    lsl.end()
    (stream,) = read_streams(session := take.read())
    assert stream.values[:, 0].tolist() == list(range(400))
    assert set(stream.connection.tolist()) == {0}
    assert "stream 'eeg' is silent" in texts(session)
    assert "stream 'eeg' is back" in texts(session)


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_recorder_lets_go_in_bounded_time_though_a_sender_hangs(outlet, take):
    eeg = outlet("eeg")
    lsl = LslRecorder(["type='EEG'"])
    lsl.begin(take.add)
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    eeg.push(300)
    eeg.signal(signal.SIGSTOP)
    begun_s = time.monotonic()
    lsl.close()
    lsl.close()
    assert time.monotonic() - begun_s < 10


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_stream_that_appears_during_the_take_is_taken_in(outlet, recorder, take):
    lsl = recorder("name='late'", "name='never'")
    lsl.begin(take.add)
    assert lsl.missing() == ("name='late'", "name='never'")
    late = outlet("late")
    wait_for(lambda: states(lsl) == {"late": "connected"})
    assert lsl.missing() == ("name='never'",)
    late.push(10)
    wait_for(lambda: counts(lsl) == {"late": 10})
    lsl.end()
    assert len(read_streams(take.read())[0]) == 10


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_each_take_explains_its_streams_and_holds_its_own_samples_only(outlet, recorder, tmp_path):
    eeg = outlet("eeg")
    lsl = recorder("name='eeg'")
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    first = 0
    for number, count in enumerate((20, 5, 30)):
        take = Take(tmp_path / f"take{number}")
        lsl.begin(take.add)
        eeg.push(count)
        wait_for(lambda count=count: counts(lsl) == {"eeg": count})
        lsl.end()
        (stream,) = read_streams(session := take.read())
        assert stream.values[:, 0].tolist() == list(range(first, first + count))
        first += count
        assert len(stream.clock) >= 1
        assert lsl_offsets(session)[0].n_unmapped == 0
        readers = session._readers("master")
        assert "lsl/eeg/info" in {channel.topic for channel in readers[0].channels.values()}


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_ticks_and_markers_are_published_at_their_times_and_not_recorded_by_their_own_master(
    outlet, recorder, take
):
    publisher = LslPublisher("lab")
    outlet("eeg")
    everything = recorder("true()", ignore=publisher.source_ids)
    other = recorder("starts-with(name,'mavfer-')")
    other.begin(take.add)
    wait_for(lambda: states(other) == {"mavfer-ticks": "connected", "mavfer-markers": "connected"})
    plan = Plan(first_tick_ns=time.monotonic_ns() + 200_000_000, fps=50, n_ticks=20)
    publisher.begin("take7", plan, tick=3)
    marker = Marker(time.monotonic_ns(), "video 1 starts")
    publisher.mark(marker)
    wait_for(lambda: counts(other)["mavfer-ticks"] == 17)
    publisher.end()
    publisher.end()
    wait_for(lambda: counts(other)["mavfer-markers"] == 3)
    wait_for(lambda: "eeg" in states(everything))
    assert set(states(everything)) == {"eeg"}
    other.end()
    publisher.close()
    publisher.close()
    ticks, markers = sorted(read_streams(take.read()), key=lambda stream: stream.form.dtype)
    assert ticks.values[:, 0].tolist() == list(range(3, 20))
    assert np.abs(times_ns(ticks) - plan.ticks_ns()[3:]).max() < 1e6
    said = dict(zip(markers.values[:, 0].tolist(), times_ns(markers).tolist(), strict=True))
    assert set(said) == {"take take7 begins", "video 1 starts", "take take7 ends"}
    assert abs(said["video 1 starts"] - marker.t_ns) < 1e6
    assert abs(said["take take7 begins"] - plan.tick_ns(3)) < 1e6


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_take_records_the_labs_streams_and_publishes_its_own(outlet, tmp_path):
    from mavfer.capture.desk import Desk
    from mavfer.capture.master import record
    from mavfer.capture.rig import Rig
    from mavfer.capture.session_facts import session_facts
    from mavfer.errors import RecordError

    table = {
        "recorders": {"thermal": {"camera": "simulated_a65"}},
        "lsl": {"publish": True, "record": ["name='gaze'"], "require": True},
    }
    rig = Rig.model_validate(table)
    with pytest.raises(RecordError, match="wanted LSL streams that match name='gaze', found none"):
        record(tmp_path / "take", rig=rig, subject="S01", seconds=1)
    assert list(tmp_path.iterdir()) == []
    sender, desk, sent = outlet("gaze"), Desk(), []

    def on_status(statuses):
        if statuses[0].tick >= 3 and not sent:
            sent.extend(sender.push(50))
            desk.mark("looks away")

    report = record(tmp_path / "take", rig=rig, subject="S01", seconds=2, desk=desk, on_status=on_status)
    assert report.state == "complete"
    session = open_session(tmp_path / "take")
    (stream,) = read_streams(session)
    assert [marker.label for marker in session.markers()] == ["looks away"]
    np.testing.assert_allclose(times_ns(stream), sent, atol=2_000_000)
    facts = session_facts(tmp_path / "take")
    assert [(one.name, one.n_samples) for one in facts.lsl] == [("gaze", 50)]
    assert abs(facts.lsl[0].residual_ms) < 2


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_stream_that_begins_while_it_is_looked_for_is_enough_and_another_is_refused_by_name(outlet):
    from mavfer.capture.lsl.lab_streams import lab_streams
    from mavfer.capture.rig import Rig
    from mavfer.errors import RecordError

    recorders = {"thermal": {"camera": "simulated_a65"}}
    begun, pause = [], threading.Event()

    def listen(seconds):
        if not begun:
            begun.append(outlet("late"))
        pause.wait(seconds)

    lsl = {"record": ["name='late'"], "require": True}
    with lab_streams(Rig.model_validate({"recorders": recorders, "lsl": lsl})) as lab:
        lab.require(listen, timeout_s=WAIT_S)
    lsl = {"record": ["name='late'", "name='never'"], "require": True}
    with lab_streams(Rig.model_validate({"recorders": recorders, "lsl": lsl})) as lab:
        wait_for(lambda: lab._recorder.missing() == ("name='never'",))
        with pytest.raises(RecordError, match=r"match name='never', found none .* within 0 s"):
            lab.require(listen, timeout_s=0)
    with lab_streams(Rig.model_validate({"recorders": recorders, "lsl": lsl | {"require": False}})) as lab:
        lab.require(pytest.fail)


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_a_disk_that_takes_no_more_is_told_and_stops_the_streams_alone(outlet, recorder, take):
    import resource

    eeg = outlet("eeg", n_channels=64)
    lsl = recorder("name='eeg'")
    wait_for(lambda: states(lsl) == {"eeg": "connected"})
    lsl.begin(take.add)
    eeg.push(10)
    wait_for(lambda: counts(lsl) == {"eeg": 10})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (take.size, limits[1]))
    eeg.push(10)
    wait_for(lambda: lsl.complaints)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert lsl.complaints == ("LSL streams are no longer recorded: File too large",)
    assert counts(lsl) == {"eeg": 10}
    lsl.end()
    assert len(read_streams(take.read())[0]) == 10


@in_a_namespace
@pytest.mark.usefixtures("network")
def test_lsls_clock_on_one_machine_keeps_its_distance_to_the_monotonic_one():
    pylsl = load_pylsl()
    looks = [lsl_ahead_s(pylsl) for _ in range(100)]
    assert max(looks) - min(looks) < 1e-3


WITHOUT = """
import sys
sys.modules["pylsl"] = None
from mavfer.capture.lsl.publisher import LslSettings, load_pylsl
from mavfer.capture.lsl import offsets, recorder
assert LslSettings(publish=True).wanted
load_pylsl()
"""


def test_without_pylsl_one_line_says_what_to_install_and_only_when_it_is_needed():
    run = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=WAIT_S)
    assert run.stderr.splitlines()[-1].startswith(
        "mavfer.errors.RecordError: Lab Streaming Layer wants pylsl, could not import it; "
        "run `pip install 'mavfer[lsl]'`"
    )


FORM = StreamForm(0, "lsl/eeg", "eeg", "EEG", "host", "source", "float32", 2, 100.0)


def stream_of(stamps_s, *, clock, arrived_ns=None, connection=None, hz=100.0):
    form = StreamForm(**{**{name: getattr(FORM, name) for name in FORM.__slots__}, "nominal_hz": hz})
    n = len(stamps_s)
    return LslStream(
        form=form,
        stamps_s=np.asarray(stamps_s, np.float64),
        arrived_ns=np.asarray(np.zeros(n) if arrived_ns is None else arrived_ns, np.int64),
        connection=np.asarray(np.zeros(n) if connection is None else connection, np.int64),
        values=np.empty((0, 2), np.float32),
        clock=np.asarray(clock, np.float64).reshape(-1, 4),
    )


@given(
    st.data(), st.sampled_from(["int8", "int16", "int32", "int64", "float32", "float64"]), st.integers(0, 5)
)
def test_numbers_come_back_as_they_were_packed(data, dtype, n):
    values = data.draw(arrays.arrays(np.dtype(dtype), (n, 3)))
    stamps = data.draw(arrays.arrays(np.float64, n))
    form = SimpleNamespace(dtype=dtype, n_channels=3, topic="lsl/x")
    found_stamps, found = unpack_samples(pack_samples(stamps, values), form)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(found_stamps, stamps)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_words_come_back_as_they_were_packed(words):
    values = np.empty((len(words), 2), object)
    for i, row in enumerate(words):
        values[i] = [word.encode(errors="ignore") for word in row]
    form = SimpleNamespace(dtype="string", n_channels=2, topic="lsl/x")
    _, found = unpack_samples(pack_samples(np.zeros(len(words)), values), form)
    assert found.tolist() == [[word.decode() for word in row] for row in values]


def test_bytes_that_are_no_text_are_kept_readable():
    values = np.array([[b"\xff\x00a"]], object)
    form = SimpleNamespace(dtype="string", n_channels=1, topic="lsl/x")
    assert unpack_samples(pack_samples(np.zeros(1), values), form)[1].tolist() == [["\\xff\x00a"]]


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\xff\xff\xff\xff", b"\x01\0\0\0" + b"\0" * 9])
@pytest.mark.parametrize("dtype", ["float32", "string"])
def test_a_payload_that_is_none_is_refused(payload, dtype):
    form = SimpleNamespace(dtype=dtype, n_channels=2, topic="lsl/x")
    with pytest.raises(SessionError, match="samples of 'lsl/x' cannot be read"):
        unpack_samples(payload, form)


def test_a_stamp_that_is_no_time_does_not_stop_the_recording():
    assert [publish_time_ns(stamp) for stamp in (1.5, -1.0, 1e300)] == [1_500_000_000, 0, 0]
    assert publish_time_ns(float("nan")) == 0


def test_topics_are_plain_and_different():
    taken = []
    for name in ("a b", "a/b", "", "a b"):
        taken.append(topic_of(name, taken))
    assert taken == ["lsl/a_b", "lsl/a_b-2", "lsl/stream", "lsl/a_b-3"]


def corrections(*, offset_s, drift, span_s, noise_s=0.0, number=0, outliers=0):
    rng = np.random.default_rng(1)
    t_s = 5000 + np.arange(0, span_s, 2.0)
    offset = offset_s + drift * (t_s - t_s[0]) + rng.normal(0, noise_s, len(t_s))
    offset[:outliers] += 0.5
    return np.column_stack([np.full(len(t_s), number), t_s * 1e9, offset + 7.0, np.full(len(t_s), 7.0)])


@pytest.mark.parametrize("drift", [0.0, 5e-5, -35e-6])
def test_a_drifting_clock_is_mapped_through_noise_and_outliers(drift):
    clock = corrections(offset_s=-12.25, drift=drift, span_s=300, noise_s=2e-4, outliers=20)
    t_ns = np.linspace(5000e9, 5300e9, 1000).round()
    stamps_s = t_ns / 1e9 - (-12.25 + drift * (t_ns / 1e9 - 5000))
    error_ns = times_ns(stream_of(stamps_s, clock=clock)) - t_ns
    assert np.abs(error_ns).max() < 2e5


def test_no_drift_is_made_of_a_few_seconds():
    clock = corrections(offset_s=3.0, drift=0.0, span_s=20, noise_s=1e-3)
    line = offset_line(clock)
    assert line is not None
    assert line[1] == 0
    assert line[0] == pytest.approx(3, abs=1e-3)


def test_each_connection_is_mapped_by_its_own_corrections_and_without_any_by_its_arrival():
    clock = np.vstack(
        [
            corrections(offset_s=1.0, drift=0, span_s=10),
            corrections(offset_s=-9.0, drift=0, span_s=10, number=1),
        ]
    )
    stream = stream_of([10.0, 20.0, 30.0], clock=clock, connection=[0, 1, 2], arrived_ns=[1, 2, 3])
    assert times_ns(stream).tolist() == [11_000_000_000, 11_000_000_000, 3]
    assert report_of(stream).n_unmapped == 1


def test_gaps_and_stamps_that_go_back_are_counted_within_connections():
    stamps = np.arange(100) / 100
    stamps[50:] += 0.5
    stamps[70] = stamps[69] - 0.001
    stamps[90:] -= 0.3
    report = report_of(stream_of(stamps, clock=corrections(offset_s=0, drift=0, span_s=10)))
    assert (report.n_gaps, report.n_backward) == (1, 2)
    assert (report.longest_gap_s, report.longest_back_s) == pytest.approx((0.51, 0.29))
    assert report.problems[-2:] == (
        "lsl/eeg: 1 gaps, the longest of 0.510 s",
        "lsl/eeg: time stamps go back by up to 0.290 s",
    )
    whole = np.concatenate([np.arange(50) / 100, 900 + np.arange(50) / 100])
    apart = report_of(stream_of(whole, clock=[], connection=[0] * 50 + [1] * 50))
    assert (apart.n_gaps, apart.n_backward, apart.n_connections) == (0, 0, 2)
    assert apart.rate_hz == pytest.approx(100)


def test_the_uneven_stamps_of_a_sender_that_sends_in_chunks_are_no_problem():
    rng = np.random.default_rng(0)
    stamps = (
        np.repeat(np.arange(100) * 0.02 + rng.uniform(0, 0.01, 100), 20) + np.tile(np.arange(20), 100) / 1e3
    )
    report = report_of(stream_of(stamps, clock=corrections(offset_s=0, drift=0, span_s=10), hz=1000.0))
    assert report.n_backward > 0
    assert report.problems == ()


def test_a_wrong_rate_and_an_empty_stream_are_told():
    clock = corrections(offset_s=0, drift=0, span_s=10)
    slow = report_of(stream_of(np.arange(100) / 95, clock=clock))
    assert slow.problems == ("lsl/eeg: wanted 100 samples per second, found 95",)
    empty = report_of(stream_of([], clock=[]))
    assert empty.problems == ("lsl/eeg: no sample was recorded",)
    assert np.isnan(empty.offset_ms)


def test_a_stream_without_a_rate_has_no_gaps():
    report = report_of(stream_of([0, 5, 5, 900], clock=corrections(offset_s=0, drift=0, span_s=9), hz=0))
    assert report.problems == ()
    assert report.rate_hz == 0


@pytest.mark.parametrize(
    "predicate",
    ["type='EEG'", "name='a b' and hostname=\"x\"", "starts-with(name,'==')", "desc/x[1]='y'", "true()"],
)
def test_predicates_that_liblsl_understands_are_taken(predicate):
    assert LslSettings(record=(predicate,)).wanted


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"record": ["type=='EEG'"]}, r"record\.0: .*one '='.*found"),
        ({"record": ["type='EEG"]}, r"record\.0: .*quotes and brackets"),
        ({"record": ["starts-with(name,'a'"]}, r"record\.0: .*quotes and brackets"),
        ({"record": ["name)"]}, r"record\.0: .*brackets"),
        ({"record": [""]}, r"record\.0: wanted text of 1 or more characters"),
        ({"record": ["a\nb"]}, r"record\.0: .*XPath"),
        ({"record": "type='EEG'"}, r"record: wanted a list"),
        ({"publish": "maybe"}, r"publish: wanted true or false"),
        ({"recrod": []}, r"recrod: no such key; is 'record' meant"),
    ],
)
def test_a_malformed_lsl_table_is_refused(table, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        parse(table, LslSettings, where="rig.toml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(": rig.toml")


def test_without_settings_nothing_of_lsl_is_wanted():
    assert not LslSettings().wanted
