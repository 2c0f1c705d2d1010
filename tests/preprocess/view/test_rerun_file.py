import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.errors import OutputError
from mavfer.preprocess.dataset.record import read_record, write_record
from mavfer.preprocess.view.catalog import open_catalog
from mavfer.preprocess.view.rerun_file import show_rrd, write_rrd, write_session_layout
from mavfer.preprocess.view.rows import crop_landmarks

pytest.importorskip("rerun")


def read_back(path):
    """Return, by entity, the rows of a recording: {column: value}, as Rerun's own reader gives them."""
    from rerun.chunk import RrdReader

    found = {}
    for chunk in RrdReader(path).stream().to_chunks():
        for row in chunk.to_record_batch().to_pylist():
            found.setdefault(chunk.entity_path, []).append(row)
    return {entity: sorted(rows, key=lambda row: row.get("row", -1)) for entity, rows in found.items()}


@pytest.fixture(scope="module")
def recording(dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("rerun") / "take.rrd"
    write_rrd(path, open_catalog(dataset), 0)
    return read_back(path)


def of_rows(recording, entity, column):
    return {
        row["row"]: row[column] for row in recording[entity] if row.get("row") is not None and row.get(column)
    }


def test_pictures_stand_in_the_recording_as_in_the_dataset(recording, dataset):
    session = open_catalog(dataset).session(0)
    color = of_rows(recording, "/color", "Image:buffer")
    depth = of_rows(recording, "/depth", "DepthImage:buffer")
    assert sorted(color) == [row for row in range(72) if not 20 <= row < 26]
    for row in (0, 19, 26, 71):
        assert bytes(color[row][0]) == session.read("color", row, row + 1).tobytes()
        assert bytes(depth[row][0]) == session.read("depth", row, row + 1).tobytes()
    (meter,) = {row["DepthImage:meter"][0] for row in recording["/depth"] if row.get("DepthImage:meter")}
    assert meter == 1000.0


def test_thermal_is_in_degrees_celsius(recording):
    thermal = of_rows(recording, "/thermal", "DepthImage:buffer")
    celsius = np.frombuffer(bytes(thermal[30][0]), np.float32)
    assert celsius == pytest.approx(30.3, abs=1e-3)  # 30315 + 30 centikelvin
    assert 40 not in thermal, "unsynchronised"


def test_landmarks_lie_on_each_picture_that_has_a_face(recording, dataset):
    points = of_rows(recording, "/thermal/landmarks", "Points2D:positions")
    wanted = crop_landmarks(open_catalog(dataset).session(0), 30, 31)[0] + 0.5
    np.testing.assert_allclose(points[30], wanted, atol=1e-3)
    assert 22 not in points


def test_labels_and_raters_stand_at_their_times_and_unknown_ones_nowhere(recording):
    valence = of_rows(recording, "/labels/valence", "Scalars:scalars")
    assert sorted(valence) == list(range(68))
    assert valence[9][0] == pytest.approx(np.sin(1), abs=1e-6)
    assert of_rows(recording, "/raters/valence/Ada", "Scalars:scalars")[9][0] == pytest.approx(
        np.sin(1) - 0.1, abs=1e-6
    )
    row = next(one for one in recording["/labels/valence"] if one.get("row") == 9)
    time = row["session_time"]
    assert (time.value / 1e9 if hasattr(time, "value") else time.total_seconds()) == pytest.approx(9 / 8)


def test_reasons_change_where_they_change(recording):
    assert of_rows(recording, "/reasons/color", "StateChange:state") == {
        0: ["ok"],
        20: ["no_face"],
        26: ["ok"],
    }
    assert of_rows(recording, "/reasons/thermal", "StateChange:state")[40] == ["unsynchronised"]


def test_the_recording_has_a_layout_of_its_own(dataset, tmp_path):
    from rerun.chunk import RrdReader

    write_rrd(tmp_path / "take.rrd", open_catalog(dataset), 1)
    write_session_layout(tmp_path / "take.rbl", open_catalog(dataset), 1)
    (recording,) = RrdReader(tmp_path / "take.rrd").recordings()
    (blueprint,) = RrdReader(tmp_path / "take.rbl").blueprints()
    assert recording.recording_id == "S02-a"
    assert blueprint.application_id == recording.application_id


def test_a_session_of_color_alone_is_written(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips", streams=(Stream.COLOR,))
    write_rrd(tmp_path / "take.rrd", open_catalog(path), 0)
    assert "/color" in read_back(tmp_path / "take.rrd")


def files_of(n_bytes):
    """Return what lets a child's files grow to `n_bytes`, as a full disk would."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


@pytest.mark.parametrize("n_bytes", [10, 100_000])  # the head of the file, and one of its chunks
def test_a_disk_that_refuses_is_said_in_one_line_and_leaves_nothing(dataset, tmp_path, n_bytes):
    out = tmp_path / "take.rrd"
    ended = subprocess.run(
        [sys.executable, "-B", "-m", "mavfer", "dataset", "view", dataset, "--rerun", "--save", out],
        capture_output=True,
        text=True,
        preexec_fn=files_of(n_bytes),
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"error: cannot write the result: File too large; nothing was left behind: {out}"
    )
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_a_layout_is_said_too(dataset, tmp_path):
    program = (
        "import sys; from pathlib import Path;"
        "from mavfer.preprocess.view.catalog import open_catalog;"
        "from mavfer.preprocess.view.rerun_file import write_session_layout;"
        "write_session_layout(Path(sys.argv[2]), open_catalog(Path(sys.argv[1])), 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", program, dataset, tmp_path / "take.rbl"],
        capture_output=True,
        text=True,
        preexec_fn=files_of(1000),
    )
    assert "OSError: [Errno 27] File too large" in ended.stderr.splitlines()[-1]


def test_without_rerun_one_line_says_what_to_install(monkeypatch):
    from mavfer.capture.export.rerun_chunks import require_rerun

    monkeypatch.setitem(sys.modules, "rerun", None)
    monkeypatch.setitem(sys.modules, "rerun.blueprint", None)
    with pytest.raises(OutputError, match=r"pip install 'mavfer\[view\]'"):
        require_rerun("--rerun")


def test_a_session_id_that_leads_elsewhere_gets_no_file_there(make_dataset, tmp_path, monkeypatch):
    path = make_dataset(tmp_path / "clips", streams=(Stream.COLOR,))
    record = read_record(path)
    elsewhere = record.sessions[0].model_copy(update={"id": str(tmp_path / "elsewhere")})
    write_record(path, record.model_copy(update={"sessions": (elsewhere,)}), overwrite=True)
    monkeypatch.setattr(sys, "executable", "/bin/true")  # in the place of Rerun's viewer
    show_rrd(open_catalog(path), 0, on_progress=lambda *_: None)
    assert [file.name for file in tmp_path.iterdir()] == ["clips"]
