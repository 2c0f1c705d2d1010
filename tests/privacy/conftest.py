"""A lab in small, made by the real stages: sessions of three subjects, their ratings, a study, a dataset.

The subjects are called kestrel1, kestrel10 and heron2: the first name begins the second.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.store.records import Assignment, Video
from mavfer.annotate.store.store import Store, now_ms
from mavfer.annotate.study.films import Film, write_film
from mavfer.annotate.study.study import StudyConfig, new_id, new_study
from mavfer.annotate.trace import Trace, write_trace
from mavfer.capture.master import record
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.clip_writer import SessionWriter
from mavfer.preprocess.dataset.clips import sha256_of_file
from mavfer.preprocess.dataset.columns import column_layout, tick_layout
from mavfer.preprocess.dataset.record import (
    ClipConfig,
    DatasetRecord,
    Reason,
    SessionRecord,
    SplitScheme,
    write_record,
)

RIG = Rig(
    name="simulated",
    recorders={
        "kinect": RecorderSettings(camera="simulated_kinect"),
        "thermal": RecorderSettings(camera="simulated_a65"),
    },
    simulated=SceneSettings(clock="virtual"),
)
SUBJECTS = {"kestrel1-a": "kestrel1", "kestrel10-a": "kestrel10", "heron2-a": "heron2"}
"""By session."""
STREAMS = (Stream.COLOR, Stream.THERMAL)
N_FRAMES = 32
SIDE_PX = 32
"""Of the crops in the dataset."""


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recorded session of each subject, and the simulated truth; not to be changed."""
    folder = tmp_path_factory.mktemp("recorded")
    for name, subject in SUBJECTS.items():
        record(folder / name, rig=RIG, subject=subject, seconds=0.3)
    return folder


@pytest.fixture
def sessions(tmp_path: Path, recorded: Path) -> Path:
    """Return a copy of the recorded sessions."""
    return Path(shutil.copytree(recorded, tmp_path / "lab" / "sessions"))


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """Return a folder of traces of all sessions by one rater."""
    folder = tmp_path / "lab" / "traces"
    folder.mkdir(parents=True)
    time_s = np.arange(0, 1, 0.1)
    for name in SUBJECTS:
        write_trace(folder, Trace(name, "anna", "valence", time_s, np.full(10, 2.0), simulated=True))
    return folder


def write_dataset(folder: Path, subjects: dict[str, str], *, splits: tuple[SplitScheme, ...]) -> Path:
    """Write a dataset in which all agrees, through the real writer; `subjects` by session id."""
    folder.mkdir(parents=True)
    entries = []
    for name, subject in subjects.items():
        rng = np.random.default_rng(list(name.encode()))
        columns = {
            key: rng.uniform(-1, 1, (N_FRAMES, *column.shape)).astype(column.dtype)
            if np.dtype(column.dtype).kind == "f"
            else rng.integers(0, 200, (N_FRAMES, *column.shape)).astype(column.dtype)
            for key, column in column_layout(size_px=SIDE_PX, streams=STREAMS).items()
        }
        for stream in STREAMS:
            columns[f"reason_{stream}"][:] = Reason.OK
            columns[f"valid_{stream}"] = np.ones(N_FRAMES, bool)
        columns["found"][:] = 1
        columns["tick"], columns["time_s"] = np.arange(N_FRAMES, dtype=np.int32), np.arange(N_FRAMES) / 4
        ticks = {"time_s": columns["time_s"], "row": columns["tick"]}
        ticks |= {f"reason_{stream}": np.full(N_FRAMES, Reason.OK, np.uint8) for stream in STREAMS}
        assert ticks.keys() == tick_layout(STREAMS).keys()
        file = folder / f"{name}.h5"
        with SessionWriter(file, n_frames=N_FRAMES, size_px=SIDE_PX, streams=STREAMS) as writer:
            writer.write(0, columns)
            writer.write_raters("valence", ["anna"], columns["valence"][None])
            writer.write_ticks(ticks)
        counts = {stream.value: {"ok": N_FRAMES} for stream in STREAMS}
        entries.append(
            SessionRecord(
                id=name,
                subject=subject,
                simulated=True,
                fate="built",
                file=file.name,
                sha256=sha256_of_file(file),
                source_sha256=hashlib.sha256(name.encode()).hexdigest(),
                n_ticks=N_FRAMES,
                n_frames=N_FRAMES,
                fps=4,
                streams=STREAMS,
                raters=("anna",),
                labelled={"valence": N_FRAMES, "arousal": N_FRAMES},
                aligned_share=1.0,
                reasons=counts,
                ticks=counts,
            )
        )
    dataset = DatasetRecord(
        software="test",
        simulated=True,
        box_policy="test",
        config=ClipConfig(size_px=SIDE_PX),
        splits=splits,
        sessions=tuple(entries),
    )
    write_record(folder, dataset)
    return folder


SPLITS = (
    SplitScheme(by="subject", subjects={"kestrel1": "train", "kestrel10": "test", "heron2": "train"}),
    SplitScheme(name="folds", by="fold", folds={"kestrel1": 0, "kestrel10": 1, "heron2": 2}),
)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with its report; not to be changed."""
    from mavfer.preprocess.report.page import dataset_page

    folder = write_dataset(tmp_path_factory.mktemp("built") / "dataset", SUBJECTS, splits=SPLITS)
    lines = ["subject,sex", "kestrel1,female", "kestrel10,male", "heron2,female"]
    (folder / "subjects.csv").write_text("\n".join(lines) + "\n")
    dataset_page(folder).write(folder / "report.html")
    return folder


@pytest.fixture
def dataset(tmp_path: Path, built: Path) -> Path:
    """Return a dataset of all sessions with a split by subject and one in folds, its report and a table."""
    return Path(shutil.copytree(built, tmp_path / "lab" / "dataset"))


def make_film(folder: Path, video: str, session: str) -> Film:
    """Write a gray film of a second, and its record."""
    import av

    path = folder / f"{video}.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for k in range(10):
            level = (sum(session.encode()) + k) % 256
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    times = np.arange(10) / 10
    film = Film(session, "gray", sha256_of_file(path), 64, 64, False, times, times.copy(), 1.0)
    write_film(folder / f"{video}.json", film)
    return film


def make_study(folder: Path, database: str | None = None) -> dict[str, str]:
    """Make a study of all sessions, each rated once with comments, and return its films by session."""
    study = new_study(folder, StudyConfig(id=new_id(), title="A study"))
    films: dict[str, str] = {}
    with Store(database or study.database_url, study_id=study.config.id, key=study.key()) as store:
        rater = store.add_rater("anna", team=1)
        for position, session in enumerate(("practice", *SUBJECTS)):
            video = films[session] = new_id()
            film = make_film(study.videos, video, session)
            store.add_video(Video(video, session, position == 0, film.end_s, film.sha256))
            one = Assignment(new_id(), rater.id, video, "valence", position)
            store.add_assignments([one])
            opened = {"now_ms": now_ms(), "clock_ahead_ms": 0, "browser": f"of {session}"}
            opened = {"now_ms": now_ms(), "clock_ahead_ms": 0, "browser": f"of {session}"}
            take, run = store.takes.open_run(one.id, **opened)
            events = [{"kind": "comment", "t_ms": 0, "text": f"a word about {session}"}] * 50
            body = json.dumps({"wall_ms": 0, "events": events}).encode()
            store.takes.append(take, run, 0, body, now_ms=now_ms())
            store.takes.finish(take, now_ms=now_ms())
    return films


@pytest.fixture
def fill_study() -> Callable[..., dict[str, str]]:
    """Return `make_study`."""
    return make_study


@pytest.fixture(scope="session")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study that was rated, with its database in a file; not to be changed."""
    folder = tmp_path_factory.mktemp("rated") / "study"
    make_study(folder)
    return folder


@pytest.fixture
def study(tmp_path: Path, rated: Path) -> Path:
    """Return a study of all sessions, with its database in a file."""
    return Path(shutil.copytree(rated, tmp_path / "lab" / "study"))


@pytest.fixture
def second_dataset(tmp_path: Path) -> Path:
    """Return a dataset of another subject, of the same configuration."""
    split = SplitScheme(by="subject", subjects={"wren3": "train"})
    return write_dataset(tmp_path / "lab" / "second", {"wren3-a": "wren3"}, splits=(split,))


@pytest.fixture
def left() -> Callable[..., list[Path]]:
    """Return a function that lists the files whose name or bytes still hold a name, as a word of its own."""

    def search(*roots: Path, name: str = "kestrel1", but: tuple[Path, ...] = ()) -> list[Path]:
        word = re.compile(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])".encode())
        found = []
        for root in roots:
            for folder, folders, files in os.walk(root):
                for one in (*folders, *files):
                    path = Path(folder) / one
                    inside = path.is_file() and word.search(path.read_bytes())
                    if path not in but and (inside or word.search(one.encode())):
                        found.append(path)
        return found

    return search
