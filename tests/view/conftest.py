"""What the tests of view look at: a session whose pixels are known, a small dataset, an evaluated run."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.trace import Trace, write_trace
from mavfer.capture.payload import EVENTS, MARKERS
from mavfer.capture.protocol import Protocol, Step
from mavfer.capture.session import (
    MASTER,
    MasterRecord,
    RecorderRecord,
    SessionRecord,
    write_record,
)
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan
from mavfer.preprocess.dataset.clip_writer import SessionWriter as ClipWriter
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file
from mavfer.preprocess.dataset.columns import column_layout
from mavfer.preprocess.dataset.record import (
    ClipConfig,
    DatasetRecord,
    SplitScheme,
)
from mavfer.preprocess.dataset.record import (
    SessionRecord as ClipRecord,
)
from mavfer.preprocess.dataset.record import (
    write_record as write_dataset_record,
)

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 30_000
FPS = 10.0
N_TICKS = 30
MISSING = 5
"""The tick without a thermal frame."""
LATE = 20
"""The tick whose thermal frame was exposed 40 ms after it."""
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
SPECS = {
    "kinect": (
        StreamSpec(Stream.COLOR, (48, 64, 3), "uint8", "sRGB"),
        StreamSpec(Stream.DEPTH, (24, 32), "uint16", "mm"),
    ),
    "thermal": (StreamSpec(Stream.THERMAL, (20, 28), "uint16", "0.04 K"),),
}
SIZE_PX = 48
N_ROWS = 32
SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test", "S05": "test"}


def pixels_of(spec: StreamSpec, tick: int) -> np.ndarray:
    """Return a frame's pixels: color 40 + 2 * tick, depth 700 mm + tick, thermal 30 °C + a column's step."""
    if spec.stream is Stream.COLOR:
        return np.full(spec.shape, 40 + 2 * tick, np.uint8)
    if spec.stream is Stream.DEPTH:
        return np.full(spec.shape, 700 + tick, np.uint16)
    columns = np.arange(spec.shape[1]) * 5
    return np.broadcast_to(7579 + columns, spec.shape).astype(np.uint16)  # 7579 * 0.04 K = 30.01 °C


def write_session(path: Path, *, state: str = "complete") -> Path:
    """Write a session of 3 s with two steps, a marker, an event, a tick without thermal and a late one."""
    path.mkdir()
    plan = Plan(first_tick_ns=10_000_000_000, fps=FPS, n_ticks=N_TICKS)
    steps = (Step(name="rest", seconds=1, text="Look at the cross."), Step(name="video", seconds=2))
    recorders = {
        name: RecorderRecord(camera="test", streams=tuple(spec.stream for spec in specs))
        for name, specs in SPECS.items()
    }
    record = SessionRecord(
        id=path.name,
        subject="S01",
        rig="test",
        simulated=True,
        state="recording",
        started_utc="2026-01-01T00:00:00Z",
        protocol=Protocol(name="two steps", steps=steps),
        plan=plan,
        master=MasterRecord(address="tcp://127.0.0.1:1", boot_id=""),
        recorders=recorders,
    )
    write_record(path, record)
    header = {"session": record.model_dump(mode="json")}
    for name, specs in SPECS.items():
        writer = SessionWriter(path, recorder=name, specs=specs)
        writer.begin(header, now_ns=plan.first_tick_ns)
        for tick in range(N_TICKS):
            if name == "thermal" and tick == MISSING:
                continue
            late_ns = 40_000_000 if name == "thermal" and tick == LATE else 0
            t_ns = plan.tick_ns(tick) + late_ns
            writer.append([Frame(spec.stream, pixels_of(spec, tick), t_ns, t_ns, tick) for spec in specs])
        writer.add_table(
            EVENTS, {"t_ns": plan.tick_ns(LATE), "kind": "late", "text": HOSTILE}, now_ns=plan.end_ns
        )
        recorders[name] = recorders[name].model_copy(update={"files": writer.finish()})
    writer = SessionWriter(path, recorder=MASTER, specs=())
    writer.begin(header, now_ns=plan.first_tick_ns)
    for tick, label, source in (
        (0, "step: rest begins", "protocol"),
        (10, "step: video begins", "protocol"),
        (15, "laughs", "operator"),
    ):
        table = {"t_ns": plan.tick_ns(tick), "label": label, "source": source}
        writer.add_table(MARKERS, table, now_ns=plan.tick_ns(tick))
    master = MasterRecord(address="tcp://127.0.0.1:1", boot_id="", files=writer.finish())
    if state != "recording":
        done = {"state": state, "recorders": recorders, "master": master}
        write_record(path, record.model_copy(update=done))
    return path


def write_traces(folder: Path, session: str) -> Path:
    """Write one rater's traces: valence 4 throughout, arousal rising."""
    folder.mkdir(exist_ok=True)
    time_s = np.arange(0, 3, 0.1)
    write_trace(folder, Trace(session, "Ada", "valence", time_s, np.full(30, 4.0), True))
    write_trace(folder, Trace(session, "Ada", "arousal", time_s, np.linspace(-5, 5, 30), True))
    return folder


def write_faces(path: Path) -> Path:
    """Write a dataset of five subjects; color is 40 + 2 * row, and three rows of S04 are not valid."""
    path.mkdir()
    streams = (Stream.COLOR, Stream.DEPTH, Stream.THERMAL)
    rows = np.arange(N_ROWS)
    entries = []
    for number, subject in enumerate(SPLITS):
        columns = {
            name: np.zeros((N_ROWS, *column.shape), column.dtype)
            for name, column in column_layout(size_px=SIZE_PX, streams=streams).items()
        }
        y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
        columns["color"][:] = (40 + 2 * rows)[:, None, None, None] + (x > 40)[None, :, :, None] * 9
        columns["depth"][:] = 700 + rows[:, None, None] + y
        columns["thermal"][:] = 30315 + 10 * x[None] + rows[:, None, None]
        for stream in streams:
            columns[f"valid_{stream}"][:] = 1
        if subject == "S04":
            columns["valid_color"][28:31] = 0
            columns["reason_color"][28:31] = 2
        columns["landmarks"][:] = np.random.default_rng(number).uniform(8, 40, (68, 2))
        columns["transforms"][:] = np.eye(2, 3)
        columns["time_s"] = rows / 4
        columns["tick"][:] = rows
        columns["valence"] = (0.8 * np.sin(rows / 5 + number)).astype(np.float32)
        columns["arousal"] = (0.6 * np.cos(rows / 4 + number)).astype(np.float32)
        file = path / f"{subject}.h5"
        with ClipWriter(file, n_frames=N_ROWS, size_px=SIZE_PX, streams=streams) as writer:
            writer.write(0, columns)
        entries.append(
            ClipRecord(
                id=f"{subject}-a",
                subject=subject,
                simulated=True,
                fate="built",
                file=file.name,
                sha256=sha256_of_file(file),
                n_ticks=N_ROWS,
                n_frames=N_ROWS,
                fps=4.0,
                streams=streams,
                labelled={"valence": N_ROWS, "arousal": N_ROWS},
                aligned_share=1.0,
            )
        )
    entries.append(ClipRecord(id="S06-a", subject="S06", simulated=True, fate="failed", error="no face"))
    write_dataset_record(
        path,
        DatasetRecord(
            software="tests",
            simulated=True,
            box_policy="none",
            config=ClipConfig(size_px=SIZE_PX, fps=4.0),
            splits=(SplitScheme(by="subject", subjects=SPLITS),),
            sessions=tuple(entries),
        ),
    )
    return path


def write_evaluated_run(path: Path, dataset: Path, *, model: str = "mran") -> Path:
    """Write a run of a small network with the weights that training begins with, and evaluate it."""
    import torch

    from mavfer.model.checkpoint import RunRecord, path_from, sha256_of_dataset, write_run
    from mavfer.model.evaluation.evaluate import evaluate
    from mavfer.model.training.config import TrainConfig
    from mavfer.model.training.recipe import new_network, recipe_of

    torch.set_num_threads(1)
    wanted = TrainConfig.model_validate(
        {"size": "small", "model": model, "set": {"width": 0.0625, "n_frames": 8}}
    )
    recipe = recipe_of(wanted, n_classes=0)
    torch.manual_seed(0)
    network = new_network(recipe.model, recipe.options)
    data = open_dataset(dataset)
    record = RunRecord(
        model=recipe.model,
        options=recipe.options.model_dump(),
        inputs=recipe.inputs,
        dimensions=wanted.dimensions,
        config=wanted,
        loss=recipe.loss,
        n_parameters=sum(p.numel() for p in network.parameters()),
        dataset=path_from(path, dataset),
        dataset_sha256=sha256_of_dataset(data),
        simulated=True,
        split_by=data.split_by,
        training_subjects=("S01", "S02"),
        validation_subjects=("S03",),
        training_means=dict.fromkeys(wanted.dimensions, 0.0),
        n_clips=1,
        n_steps=1,
        n_epochs=1,
        kept_epoch=1,
        seconds=1.0,
        device="cpu",
        precision="fp32",
        software={"torch": torch.__version__},
        created_utc="2026-01-01T00:00:00+00:00",
    )
    path.mkdir(parents=True)
    write_run(path, record=record, state=network.state_dict(), history=[{"epoch": 1.0, "loss": 1.0}])
    evaluate(path, postprocess_on="none", device="cpu")
    return path


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the session S01-a, its traces beside it, the dataset clips and the run mran."""
    path = tmp_path_factory.mktemp("lab")
    write_session(path / "S01-a")
    write_traces(path / "traces", "S01-a")
    write_faces(path / "clips")
    write_evaluated_run(path / "mran", path / "clips")
    return path


@pytest.fixture
def make_session() -> Callable[..., Path]:
    """Return `write_session`."""
    return write_session


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A browser, for all tests one."""
    from playwright.sync_api import sync_playwright

    if shutil.which(CHROMIUM) is None:
        assert not os.environ.get("CI"), f"wanted Debian's chromium, found nothing: {CHROMIUM}"
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def page(chromium) -> Iterator:
    """A page that must end without a complaint."""
    from playwright.sync_api import expect

    expect.set_options(timeout=WAIT_MS)
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    one = context.new_page()
    complaints = []
    one.on("pageerror", lambda error: complaints.append(str(error)))
    one.on("console", lambda told: "Content Security" in told.text and complaints.append(told.text))
    yield one
    context.close()
    assert complaints == []
