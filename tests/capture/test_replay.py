"""Replays of recorded sessions: the camera by itself, and whole takes with real recorder processes."""

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.capture.clock import MonotonicClock, VirtualClock
from mavfer.capture.master import record
from mavfer.capture.now import monotonic_ns
from mavfer.capture.payload import DOCUMENTS, jpeg_of
from mavfer.capture.replay import ReplayCamera
from mavfer.capture.replay_settings import ReplaySettings
from mavfer.capture.rig import Rig, read_rig, require_other_session
from mavfer.capture.session import RecorderRecord, SessionRecord, open_session, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.synchronize import synchronize
from mavfer.capture.take_report import TakeFailed
from mavfer.capture.trigger import Plan
from mavfer.capture.video import import_video
from mavfer.errors import CameraEnded, CameraError, CameraGone, ConfigError, RecordError, SessionError

GOLDEN = Path(__file__).parent / "golden"
MADE = SimpleNamespace(**runpy.run_path(str(GOLDEN / "make_session.py")))
PLAN = Plan(first_tick_ns=10_000_000_000, fps=10.0, n_ticks=20)
BEGIN_NS = 7_000_000_000_000
AHEAD_NS, AHEAD_DRIFT = 5_000_000_000, 20e-6
"""The thermal recorder's clock reads so much more than the master's."""
CAMERAS = {"kinect": "simulated_kinect", "thermal": "simulated_a65"}
PHASE_NS = {"kinect": 4_000_000, "thermal": 13_000_000}
LOST = {"kinect": (), "thermal": (31, 32, 33, 34)}
"""Frames of a sensor, counted from the first tick, that never came; tick 11 has no thermal frame by it."""


def local_ns(recorder, master_ns):
    """Return a time of the master's clock as the recorder's shows it."""
    ahead_ns = round(AHEAD_NS + AHEAD_DRIFT * master_ns) if recorder == "thermal" else 0
    return master_ns + ahead_ns


@pytest.fixture
def make_lab_session(tmp_path, small, make_frame):
    """Return a function that writes a session as in a lab: jitter, drift, a clock ahead, lost frames."""
    specs = {"kinect": (small.color, small.depth), "thermal": (small.thermal,)}

    def exposed_ns(name, number):
        return PLAN.first_tick_ns + PHASE_NS[name] + round(number * 1e9 / 30)

    def numbers(name, keep):
        made = [n for n in range(-1, 58) if n not in LOST[name]]
        if keep == "all":
            return made
        by_tick: dict[int, int] = {}
        for n in made:
            tick = PLAN.nearest_tick(exposed_ns(name, n))
            best = by_tick.get(tick, n)
            by_tick[tick] = min(best, n, key=lambda i: abs(exposed_ns(name, i) - PLAN.tick_ns(tick)))
        return [n for tick, n in sorted(by_tick.items()) if 0 <= tick < PLAN.n_ticks]

    def write(path, name, keep, header):
        rng = np.random.default_rng([1, *name.encode()])
        writer = SessionWriter(path, recorder=name, specs=specs[name], segment_bytes=40_000)
        writer.begin(header, now_ns=local_ns(name, PLAN.first_tick_ns))
        writer.add_table(DOCUMENTS, {"name": f"{name}.txt", "text": f"of {name}"}, now_ns=1)
        for sent_ns in range(9_000_000_000, 13_000_000_000, 100_000_000):
            back_ns = local_ns(name, sent_ns + 210_000)
            writer.add_ping(local_ns(name, sent_ns), sent_ns + 100_000, sent_ns + 110_000, back_ns)
        for n in numbers(name, keep):
            t_ns = exposed_ns(name, n)
            device_ns = 4_000_000_000_000 + round((t_ns - PLAN.first_tick_ns) * (1 + 6e-6))
            arrival_ns = local_ns(name, t_ns + 5_000_000 + round(rng.exponential(800_000)))
            moment = [
                make_frame(spec, n + 1, host_ns=arrival_ns, device_ns=device_ns) for spec in specs[name]
            ]
            flags = ("nuc",) if name == "thermal" and n % 9 == 0 else ()
            writer.append([numbered(frame, 20_000 + n, flags) for frame in moment])
        return writer.finish()

    def make(name="lab", *, keep="nearest"):
        path = tmp_path / name
        path.mkdir()
        rig = Rig.model_validate({"fps": 10, "keep": keep, "recorders": kinds(CAMERAS)})
        recorders = {
            key: RecorderRecord(camera=CAMERAS[key], fps=30.0, streams=tuple(spec.stream for spec in found))
            for key, found in specs.items()
        }
        session = SessionRecord.model_validate(
            {"id": name, "subject": "S01", "rig": "lab", "simulated": False, "state": "recording"}
            | {"started_utc": "2026-01-01T00:00:00Z", "plan": PLAN, "recorders": recorders, "settings": rig}
        )
        header: dict[str, object] = {"session": session.model_dump(mode="json")}
        for key in recorders:
            files = write(path, key, keep, header)
            nodes = {"Emissivity": 0.98, "serial": key}
            recorders[key] = recorders[key].model_copy(update={"files": files, "nodes": nodes})
        write_record(path, session.model_copy(update={"state": "complete", "recorders": recorders}))
        return path

    return make


def kinds(cameras):
    return {name: {"camera": camera} for name, camera in cameras.items()}


def numbered(frame, frame_id, flags):
    return Frame(frame.stream, frame.pixels, frame.device_time_ns, frame.host_time_ns, frame_id, None, flags)


def replay_rig(path, *, pace="fast", **settings):
    """Return a rig in which every recorder of a session is replayed under its own name."""
    recorders = {
        name: {"camera": "replay", "replay": {"session": str(path), "recorder": name, "pace": pace}}
        for name in open_session(path).record.recorders
    }
    return Rig.model_validate({"recorders": recorders} | settings)


def tuples(path):
    """Return for every tick which frame of each stream belongs to it, by the sensors' ids; None for none."""
    session = open_session(path)
    return {
        stream: [int(session.index(stream).frame_id[i]) if i >= 0 else None for i in index]
        for stream, index in synchronize(session).index.items()
    }


def contents(path):
    """Return what was recorded, by stream and id: the JPEG as it is, or the pixels; device time; flags."""
    session = open_session(path)
    found = {}
    for stream in session.streams:
        flags = session.flags(stream)
        for i, frame in enumerate(session.frames(stream)):
            payload, codec = session.payload(stream, i)
            picture = jpeg_of(payload) if codec.startswith("jpeg") else frame.pixels.tobytes()
            found[stream, frame.frame_id] = (picture, frame.device_time_ns, flags.get(frame.frame_id))
    return found


def opened(path, recorder=None, *, clock=None, **settings):
    camera = ReplayCamera(
        ReplaySettings(session=path, recorder=recorder), clock=clock or VirtualClock(BEGIN_NS), **settings
    )
    camera.open()
    return camera


def play(camera, begin_ns=BEGIN_NS):
    """Return all moments of a replay from its start to its end."""
    camera.start(begin_ns)
    captures = []
    while True:
        try:
            captures.append(camera.grab(2.0))
        except CameraEnded:
            return captures


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("recorder", ["kinect", "thermal"])
def test_a_replayed_frame_is_the_recorded_one_to_the_byte(schema, recorder):
    session = open_session(GOLDEN / f"session-v{schema}")
    captures = play(opened(session.path, recorder))
    assert len(captures) == MADE.PLAN.n_ticks
    for i, capture in enumerate(captures):
        frames = capture.retrieve()
        assert [frame.stream for frame in frames] == list(session.record.recorders[recorder].streams)
        for frame in frames:
            recorded = session.frame(frame.stream, i)
            np.testing.assert_array_equal(frame.pixels, recorded.pixels)
            assert (frame.frame_id, frame.device_time_ns) == (recorded.frame_id, recorded.device_time_ns)
            if frame.stream is Stream.COLOR:
                assert frame.encoded == jpeg_of(session.payload(Stream.COLOR, i)[0])


@pytest.mark.parametrize("recorder", ["kinect", "thermal"])
def test_frames_come_as_long_after_the_first_tick_as_they_were_exposed(make_lab_session, recorder):
    path = make_lab_session(keep="all")
    since_ns = np.array([one.host_time_ns for one in play(opened(path, recorder))]) - BEGIN_NS
    wanted = [n * 1e9 / 30 + PHASE_NS[recorder] for n in range(-1, 58) if n not in LOST[recorder]]
    delay_ns = since_ns - wanted
    assert np.ptp(delay_ns) < 100_000, "the jitter of arrivals is in the replay"
    assert abs(delay_ns.mean() - 5_000_000) < 500_000


def test_on_a_real_clock_nothing_comes_before_its_time(make_session):
    path = make_session(
        recorders={"cam": (StreamSpec(Stream.THERMAL, (4, 6), "uint16", "0.04 K"),)}, n_ticks=5
    )
    camera = opened(path, clock=MonotonicClock())
    begin_ns = monotonic_ns() + 50_000_000
    camera.start(begin_ns)
    for tick in range(5):
        capture = camera.grab(2.0)
        assert capture.host_time_ns == begin_ns + tick * 100_000_000 <= monotonic_ns()
    with pytest.raises(CameraEnded, match=r"the replay has ended after 5 moments.*take$"):
        camera.grab(2.0)
    assert monotonic_ns() >= begin_ns + 500_000_000


def test_a_gap_longer_than_one_waits_for_is_a_camera_that_is_gone(make_session):
    camera = opened(make_session(n_ticks=6, skip={"thermal": (2, 3, 4)}), "thermal", clock=MonotonicClock())
    camera.start(monotonic_ns() + 200_000_000)
    with pytest.raises(CameraError, match=r"no frame came within 0\.02 s") as caught:
        camera.grab(0.02)
    assert not isinstance(caught.value, CameraGone), "before the first tick nothing is missing"
    assert [camera.grab(1.0).frame_id for _ in range(2)] == [0, 1]
    with pytest.raises(CameraGone, match=r"has no frame for 0\.4 s here"):
        camera.grab(0.02)
    assert camera.grab(1.0).frame_id == 5


def test_what_a_session_lacks_at_its_beginning_is_not_waited_for_before_a_take(make_session):
    path = make_session(n_ticks=40, skip={"thermal": range(35)})
    clock = VirtualClock(BEGIN_NS)
    camera = opened(path, "thermal", clock=clock)
    camera.start(BEGIN_NS)
    assert camera.grab(2.0).host_time_ns == BEGIN_NS
    camera.start(BEGIN_NS + 1_000_000_000)
    assert camera.grab(2.0).host_time_ns == BEGIN_NS + 1_000_000_000 + 3_500_000_000


def test_a_replay_that_is_started_again_begins_anew(make_lab_session):
    camera = opened(make_lab_session(), "kinect")
    first = [one.frame_id for one in play(camera)]
    assert first == list(range(20))
    assert [one.frame_id for one in play(camera, BEGIN_NS + 60_000_000_000)] == first
    camera.close()
    camera.close()
    with pytest.raises(CameraError, match=r"call open\(\) first"):
        camera.grab(0.1)


def test_what_was_dropped_by_intent_is_no_gap_and_what_was_lost_is_one(make_lab_session):
    kept = [one.frame_id for one in play(opened(make_lab_session(), "thermal"))]
    assert kept == [tick for tick in range(20) if tick != 11]
    made = [one.frame_id for one in play(opened(make_lab_session("all", keep="all"), "thermal"))]
    assert made == [20_000 + n for n in range(-1, 58) if n not in LOST["thermal"]]


def test_a_replay_says_of_what_it_is_one(make_lab_session):
    path = make_lab_session()
    nodes, again = opened(path, "thermal").nodes(), opened(path, "thermal").nodes()
    assert nodes == again
    assert nodes["Emissivity"] == 0.98
    assert (nodes["replay_session"], nodes["replay_recorder"]) == ("lab", "thermal")
    assert nodes["replay_camera"] == "simulated_a65"
    assert "simulated" not in nodes
    assert len(str(nodes["replay_sha256"])) == 64
    assert nodes["replay_sha256"] != opened(path, "kinect").nodes()["replay_sha256"]
    golden = opened(GOLDEN / "session-v2", "thermal")
    assert golden.nodes()["simulated"] is True
    documents = opened(path, "thermal").documents()
    assert documents["thermal.txt"] == "of thermal"
    assert documents["replay_session.toml"] == (path / "session.toml").read_text(encoding="utf-8")


def test_flags_are_replayed_with_their_frames(make_lab_session):
    captures = play(opened(make_lab_session(keep="all"), "thermal"))
    flagged = {one.retrieve()[0].frame_id - 20_000: one.flags for one in captures if one.flags}
    assert flagged == {n: ("nuc",) for n in range(0, 58, 9) if n not in LOST["thermal"]}
    assert all(one.retrieve()[0].flags == one.flags for one in captures)


def test_pixels_of_a_jpeg_are_decoded_only_if_they_are_wanted(make_lab_session):
    path = make_lab_session()
    for decode, size in ((True, 24 * 32 * 3), (False, 0)):
        color, depth = play(opened(path, "kinect", decode=decode))[3].retrieve()
        assert color.pixels.size == size
        assert color.encoded is not None
        assert depth.pixels.size > 0


def test_a_picture_that_was_never_stored_stays_absent_and_its_moment_comes(tmp_path, small, make_frame):
    path = partial_session(tmp_path, small, make_frame, lacks={(Stream.DEPTH, 0), (Stream.COLOR, 3)})
    captures = play(opened(path))
    assert [[frame.stream.value for frame in one.retrieve()] for one in captures] == [
        ["color", "depth"],
        ["color", "depth"],
        ["depth"],
        ["color", "depth"],
    ], "the first moment to come is a whole one"
    assert [one.retrieve()[0].frame_id for one in captures] == [1, 2, 3, 4]


def test_a_take_has_the_tuples_of_a_session_whose_first_and_last_moments_are_not_whole(
    tmp_path, small, make_frame
):
    lacks = {(Stream.DEPTH, 0), (Stream.COLOR, 1), (Stream.COLOR, 4)}
    source, out = partial_session(tmp_path, small, make_frame, lacks=lacks), tmp_path / "again"
    record(out, rig=replay_rig(source), subject="S02", seconds=0.5)
    assert (
        tuples(out)
        == tuples(source)
        == {
            Stream.COLOR: [0, None, 2, 3, None],
            Stream.DEPTH: [None, 1, 2, 3, 4],
        }
    )


def partial_session(tmp_path, small, make_frame, *, lacks):
    """Write a session of five moments of color and depth, some pictures of which the disk refused."""
    specs = (small.color, small.depth)
    path = tmp_path / "partial"
    path.mkdir()
    recorder = RecorderRecord(camera="test", streams=tuple(spec.stream for spec in specs))
    plan = Plan(first_tick_ns=1_000_000_000, fps=10.0, n_ticks=5)
    session = SessionRecord.model_validate(
        {"id": "partial", "subject": "S01", "rig": "test", "simulated": False, "state": "complete"}
        | {"started_utc": "2026-01-01T00:00:00Z", "plan": plan, "recorders": {"kinect": recorder}}
    )
    writer = SessionWriter(path, recorder="kinect", specs=specs)
    writer.begin({"session": session.model_dump(mode="json")}, now_ns=0)
    for i in range(5):
        whole = [make_frame(spec, i, host_ns=plan.tick_ns(i)) for spec in specs]
        writer.append([frame for frame in whole if (frame.stream, i) not in lacks])
    recorder = recorder.model_copy(update={"files": writer.finish()})
    write_record(path, session.model_copy(update={"recorders": {"kinect": recorder}}))
    return path


def test_an_imported_video_is_replayed_at_its_own_times(tmp_path, make_video):
    times_ms = (0, 33, 70, 200, 210, 500, 533, 1000)
    path = import_video(make_video(times_ms=times_ms), out=tmp_path / "film", subject="S01")
    captures = play(opened(path))
    assert [(one.host_time_ns - BEGIN_NS) / 1e6 for one in captures] == pytest.approx(times_ms)
    assert [one.frame_id for one in captures] == list(range(8))


@pytest.mark.parametrize("keep", ["nearest", "all"])
@pytest.mark.parametrize("pace", ["fast", "real"])
def test_a_replayed_take_has_the_tuples_of_the_session(tmp_path, make_lab_session, keep, pace):
    source, out = make_lab_session(keep=keep), tmp_path / "again"
    report = record(out, rig=replay_rig(source, pace=pace), subject="S02", seconds=2)
    assert report.state == "complete"
    assert report.frames_kept == {"kinect": 20, "thermal": 19}
    found, wanted = tuples(out), tuples(source)
    assert found == wanted
    assert found[Stream.THERMAL].index(None) == 11
    recorded, was = contents(out), contents(source)
    assert recorded == {key: was[key] for key in recorded}
    lost = report.frames_lost["thermal"]["sensor"]
    assert lost == (1 if keep == "nearest" else 4)
    assert open_session(out).record.recorders["kinect"].nodes["replay_session"] == "lab"


def test_keeping_all_replays_every_frame_and_a_replay_of_it_is_the_same_again(tmp_path, make_lab_session):
    first = make_lab_session(keep="all")
    before = contents(first)
    for name in ("second", "third"):
        out = tmp_path / name
        report = record(out, rig=replay_rig(first, keep="all"), subject="S01", seconds=2)
        assert report.frames_lost == {"kinect": {}, "thermal": {"sensor": 4}}
        assert contents(out) == before
        assert tuples(out) == tuples(first)
        first = out


@pytest.mark.parametrize("schema", [1, 2])
def test_a_golden_session_is_replayed_by_a_whole_rig(tmp_path, schema):
    source, out = GOLDEN / f"session-v{schema}", tmp_path / "again"
    report = record(out, rig=replay_rig(source, fps=0.1), subject="S01", seconds=80)
    assert (report.state, report.n_lost) == ("complete", 0)
    assert tuples(out) == tuples(source)
    assert contents(out) == contents(source)
    skew = synchronize(open_session(out)).report.pair_skew_ms["color-thermal"]
    assert skew["max"] == pytest.approx(2.0, abs=0.01)


def test_a_take_longer_than_the_session_says_that_the_replay_has_ended(tmp_path, make_lab_session):
    source = make_lab_session()
    with pytest.raises(TakeFailed, match="the replay has ended after 20 moments") as caught:
        record(tmp_path / "long", rig=replay_rig(source), subject="S01", seconds=9)
    assert caught.value.report.frames_kept["kinect"] == 20


def test_a_damaged_frame_is_lost_again_and_the_others_are_kept(tmp_path, make_lab_session):
    source = make_lab_session()
    index = open_session(source)._messages("thermal", "thermal")
    reader, rows = index[0]
    file, at = reader.path, int(rows[4]["payload"]) + 20
    damaged = bytearray(file.read_bytes())
    damaged[at] ^= 0xFF
    file.write_bytes(damaged)
    with pytest.raises(SessionError, match="its checksum does not hold"):
        play(opened(source, "thermal"))[4].retrieve()
    report = record(tmp_path / "again", rig=replay_rig(source), subject="S01", seconds=2)
    assert report.frames_lost["thermal"] == {"sensor": 1, "camera": 1}
    assert report.frames_kept == {"kinect": 20, "thermal": 18}


def test_what_cannot_be_replayed_is_told_in_one_line(tmp_path, make_session):
    both, torn = make_session("both"), make_session("torn")
    empty = make_session("empty", n_ticks=0)
    file = torn / "thermal.0000.mcap"
    file.write_bytes(file.read_bytes()[:-40])
    (tmp_path / "folder").mkdir()
    for path, recorder, complaint in (
        (tmp_path / "none", None, "wanted a session folder, found nothing"),
        (tmp_path / "folder", None, "found a folder without session.toml"),
        (make_session("unfinished", finish=False), None, "the take was never finished; run `mavfer recover"),
        (torn, "kinect", "torn or still being written"),
        (both, "webcam", "wanted recorder 'webcam', the session has kinect, thermal"),
        (both, None, "wanted one recorder to replay, the session has kinect, thermal; name one with"),
        (empty, None, "found no recorder of kinect, thermal with frames"),
        (empty, "kinect", "found recorder 'kinect' without one"),
    ):
        with pytest.raises(CameraError, match=complaint) as caught:
            opened(path, recorder)
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value).rpartition(": ")[2]


def test_the_only_recorder_with_frames_need_not_be_named(make_session):
    path = make_session(n_ticks=4, skip={"kinect": range(4)})
    assert [spec.stream for spec in opened(path).specs] == [Stream.THERMAL]


def test_a_session_that_nothing_ties_to_its_plan_is_not_replayed(make_session):
    path = make_session()
    table = open_session(path).record
    recorders = {
        name: one.model_copy(update={"boot_id": f"of {name}"}) for name, one in table.recorders.items()
    }
    master = {"address": "tcp://127.0.0.1:5555", "boot_id": "of the master"}
    changed = SessionRecord.model_validate(table.model_dump() | {"recorders": recorders, "master": master})
    write_record(path, changed)
    with pytest.raises(CameraError, match="nothing ties the 20 moments of recorder 'kinect' to the plan"):
        opened(path, "kinect")


def test_a_take_with_no_session_to_replay_leaves_nothing(tmp_path, make_session):
    shutil.rmtree(gone := make_session("gone"))
    rig = {"recorders": {"cam": {"camera": "replay", "replay": {"session": str(gone)}}}}
    with pytest.raises(RecordError, match=r"wanted a session folder, found nothing.*gone"):
        record(tmp_path / "take", rig=Rig.model_validate(rig), subject="S01", seconds=1)
    assert not (tmp_path / "take").exists()


def test_a_rig_file_names_the_session_relative_to_itself(tmp_path, make_session):
    session, file = make_session("old"), tmp_path / "rig.toml"
    text = '[recorders.cam]\ncamera = "replay"\n[recorders.cam.replay]\nsession = "{}"\npace = "fast"\n'
    file.write_text(text.format("old"), encoding="utf-8")
    rig = read_rig(file)
    assert rig.is_virtual
    assert rig.recorders["cam"].replay == ReplaySettings(session=session, pace="fast")
    file.write_text(text.format("new"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"recorders\.cam\.replay\.session wants a session folder"):
        read_rig(file)


def test_a_session_is_not_replayed_into_itself(tmp_path, make_session):
    rig = replay_rig(make_session("old"))
    require_other_session(rig, tmp_path / "new")
    with pytest.raises(ConfigError, match=r"replays the session that the take would replace.*old$"):
        require_other_session(rig, tmp_path / "new" / ".." / "old")


def test_only_cameras_that_can_wait_share_a_virtual_clock(make_session):
    path = str(make_session())
    fast = {"camera": "replay", "replay": {"session": path, "recorder": "thermal", "pace": "fast"}}
    real = {"camera": "replay", "replay": {"session": path, "recorder": "kinect"}}
    for other, complaint in (
        ({"camera": "webcam"}, r"recorders\.cam films at its own pace"),
        ({"camera": "flir_a65"}, r"recorders\.cam films at its own pace"),
        (real, r"recorders\.cam\.replay\.pace wants .fast."),
    ):
        with pytest.raises(ValueError, match=complaint):
            Rig.model_validate({"recorders": {"a": fast, "cam": other}})
    with pytest.raises(ValueError, match=r"wants no \[master\]"):
        Rig.model_validate({"recorders": {"a": fast}, "master": {}})
    assert Rig.model_validate({"recorders": {"a": fast, "b": {"camera": "simulated_kinect"}}}).is_virtual
    assert not Rig.model_validate({"recorders": {"a": real}}).is_virtual


def test_a_take_cannot_stand_in_the_place_of_the_session_that_it_replays(tmp_path, make_session):
    path = make_session()
    rig = tmp_path / "rig.toml"
    rig.write_text('[recorders.a]\ncamera = "replay"\nreplay = { session = "take", recorder = "kinect" }\n')
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with pytest.raises(ConfigError, match="replays the session that the take would replace"):
        record(path, rig=read_rig(rig), subject="S01", seconds=1, overwrite=True)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
