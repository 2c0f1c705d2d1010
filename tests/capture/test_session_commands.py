import json

import numpy as np
from typer.testing import CliRunner

from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.session import open_session, read_record, write_record
from mavfer.capture.streams import Stream
from mavfer.command_line import command_line
from mavfer.errors import MavferError

KINECT = "kinect.0000.mcap"


def run(*words):
    """Run a command; return its exit code, what it printed, and the error it would have told."""
    result = CliRunner().invoke(command_line(), [str(word) for word in words])
    told = result.exception if isinstance(result.exception, MavferError) else None
    if result.exception is not None and told is None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, told


def test_check_session_prints_streams_and_skew_of_a_complete_session(make_session):
    code, out, _ = run("check-session", make_session(shift_ns={"thermal": 4_000_000}))
    assert code == 0
    for word in ("subject S01", "20 ticks at 10 fps", "color-thermal", "4.00", "complete"):
        assert word in out


def test_check_session_exits_1_and_names_what_is_missing(make_session):
    whole, torn = make_session("whole"), make_session("torn", skip={"thermal": [3, 4]})
    code, out, _ = run("check-session", whole, torn)
    assert code == 1
    assert "thermal: 2 of 20 ticks have no frame (3-4)" in out
    assert out.index("whole") < out.index("torn")


def test_check_session_of_no_session_is_one_line(tmp_path):
    code, out, _ = run("check-session", tmp_path)
    assert code == 1
    assert [line for line in out.splitlines() if "wanted a session folder" in line] == out.splitlines()[1:]


def test_recover_says_what_was_lost(make_session):
    path = make_session()
    file = path / "thermal.0000.mcap"
    file.write_bytes(file.read_bytes()[:-2000])
    code, out, _ = run("recover", path)
    assert code == 0
    assert "kinect.0000.mcap: whole, 42 messages" in out
    assert "thermal.0000.mcap: mended" in out
    assert "torn files are kept" in out
    assert run("check-session", path)[0] in (0, 1)
    assert len(open_session(path).index(Stream.THERMAL)) > 10


def test_import_video_makes_a_session(tmp_path, make_video):
    code, out, _ = run(
        "import-video", make_video(times_ms=(0, 40, 90)), "--out", tmp_path / "s", "--subject", "S07"
    )
    assert code == 0
    assert out.startswith("3 frames, left out 0")
    assert open_session(tmp_path / "s").record.subject == "S07"
    words = ("--out", tmp_path / "s", "--subject", "S07", "--overwrite", "--json")
    _, out, _ = run("import-video", make_video(times_ms=(0, 40, 90)), *words)
    told = json.loads(out)
    assert (told["session"], told["n_frames"], told["n_left_out"]) == (str(tmp_path / "s"), 3, 0)
    assert told["duration_s"] == 0.09
    assert run("check-session", tmp_path / "s")[0] == 0


def test_a_take_that_failed_is_told_by_check_session(make_session):
    path = make_session()
    write_record(path, read_record(path).model_copy(update={"state": "failed"}))
    code, out, _ = run("check-session", path)
    assert code == 1
    assert "the take failed before its end" in out


def test_check_session_prints_names_as_they_are(make_session):
    path = make_session()
    write_record(path, read_record(path).model_copy(update={"id": "take[a]", "rig": "[/b]"}))
    code, out, _ = run("check-session", path)
    assert code == 0
    assert "take[a]" in out
    assert "rig '[/b]'" in out


def test_a_problem_stays_on_one_line(make_session):
    path = make_session(skip={"thermal": [1, 3, 5, 7, 9, 11, 13]})
    write_record(path, read_record(path).model_copy(update={"id": "x" * 90}))
    _, out, _ = run("check-session", path)
    assert any(line.startswith("x" * 90 + "  subject") for line in out.splitlines())


def test_a_plan_that_was_carried_out_with_frames_lost_exits_1(make_session):
    path = make_session()
    record = read_record(path)
    kinect = record.recorders["kinect"].model_copy(update={"frames_lost": {"queue": 1}})
    write_record(path, record.model_copy(update={"recorders": record.recorders | {"kinect": kinect}}))
    assert record.state == "complete"
    code, out, _ = run("check-session", path)
    assert code == 1
    assert "kinect: 1 frames lost (queue)" in out


def test_one_session_that_does_not_open_hides_no_other(make_session, tmp_path):
    torn, whole = make_session("torn"), make_session("whole")
    (torn / KINECT).write_bytes((torn / KINECT).read_bytes()[:-300])
    code, out, _ = run("check-session", torn, tmp_path / "none", whole)
    assert code == 1
    assert "run `mavfer recover` on the session" in out
    assert "wanted a session folder, found nothing" in out
    assert out.rstrip().endswith("complete")


def test_clocks_are_shown_with_a_dash_for_what_was_not_measured(make_session):
    pings = [(t, t + 50, t + 60, t + 110) for t in range(10**9, 71 * 10**9, 10**9)]
    _, out, _ = run("check-session", make_session(pings={"thermal": pings}))
    lines = [line.split() for line in out.splitlines()]
    row = next(i for i, line in enumerate(lines) if line[:2] == ["clock", "of"])
    assert ["kinect", "0", "-", "-", "-", "-", "1", "0"] in lines[row:]
    assert ["thermal", "70", "0.000", "0.000", "0.00", "69", "1", "0"] in lines[row:]


def test_a_deep_check_names_each_damaged_frame_and_exits_1(make_session):
    path = make_session(n_ticks=6)
    assert run("check-session", "--deep", path)[0] == 0
    row = McapReader(path / KINECT).rows[4]
    content = bytearray((path / KINECT).read_bytes())
    content[int(row["payload"]) + 9] ^= 1
    (path / KINECT).write_bytes(content)
    assert run("check-session", path)[0] == 0  # the index alone does not show it
    code, out, _ = run("check-session", "--deep", path)
    assert code == 1
    assert "18 of them frames, looked at: 1 damaged places" in out
    topic = "color" if row["channel"] == 1 else "depth"
    place = f"{KINECT}, byte {int(row['chunk'])}: {topic} frame {int(row['sequence'])}"
    assert f"{place} (number {int(row['sequence'])}): its checksum does not hold" in out


def test_a_deep_check_works_on_a_take_that_was_never_finished(make_session):
    path = make_session(n_ticks=6, finish=False)
    (path / KINECT).write_bytes((path / KINECT).read_bytes()[:-2000])
    code, out, _ = run("check-session", "--deep", path)
    assert code == 1
    assert "the take was never finished; run `mavfer recover" in out
    assert "the file is torn or was not finished" in out


def test_the_facts_come_as_one_json_object_per_session(make_session):
    whole, torn = make_session("whole"), make_session("torn", skip={"thermal": [3, 4]})
    code, out, _ = run("check-session", "--json", "--deep", whole, torn)
    assert code == 1
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["id"], first["complete"], first["problems"]) == ("whole", True, [])
    assert first["pair_skew_ms"]["color-thermal"] == {"median": 0.0, "p99": 0.0, "max": 0.0}
    assert first["clocks"]["kinect"]["residual_ms"] is None
    assert first["files"]["damages"] == []
    assert (second["complete"], second["missing"]["thermal"], second["gaps"]["thermal"]) == (
        False,
        2,
        [[3, 2]],
    )


def test_a_file_that_lies_on_another_machine_is_named_with_it(make_session):
    path = make_session()
    record = read_record(path)
    far = record.recorders["thermal"].model_copy(update={"host": "lab2", "folder": "/data/take"})
    write_record(path, record.model_copy(update={"recorders": record.recorders | {"thermal": far}}))
    (path / "thermal.0000.mcap").unlink()
    code, out, _ = run("check-session", path)
    assert code == 1
    assert "thermal.0000.mcap is missing: it lies on lab2 in /data/take; run `mavfer collect`" in out


def test_recover_names_the_places_of_what_was_lost(make_session):
    path = make_session(n_ticks=12)
    content = bytearray((path / KINECT).read_bytes())
    rows = McapReader(path / KINECT).rows
    for row in rows[2:18:2]:
        content[int(row["payload"])] ^= 1
    (path / KINECT).write_bytes(content)
    code, out, _ = run("recover", path)
    assert code == 0
    n_bytes = int(np.sum(rows["chunk"][3:19:2] - rows["chunk"][2:18:2]))
    assert f"lost {n_bytes} bytes in 8 places" in out
    assert f"  byte {int(rows[2]['chunk'])}: " in out
    assert "  and 3 more" in out
    assert run("check-session", path)[0] == 1


def test_recover_of_whole_files_says_that_the_take_had_failed_not_that_it_fails_itself(make_session):
    path = make_session()
    record = read_record(path)
    write_record(path, record.model_copy(update={"state": "failed"}))
    code, out, _ = run("recover", path)
    assert code == 0
    assert out.splitlines()[-1] == f"nothing to mend; the take had failed: {path}"
    assert read_record(path).state == "failed"


def test_misuse_exits_2():
    assert run("check-session")[0] == 2
