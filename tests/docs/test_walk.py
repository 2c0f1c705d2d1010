"""The pages that a reader walks along are walked: their commands run, in order, in one folder of their own.

Three walks: the tutorial, README's "A first session by hand", and README's "Your own video". To be quick they
are reduced by the rule of `reduced`, and by nothing else: shorter takes, fewer ticks a second, two steps of
training, one clip explained. A line that ran before with the same words is not run again; one with other
words that would make something that is there already gets its place cleared. A page that is served is asked
for, and interrupted.
"""

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tomllib
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import ROOT, Block, blocks_of, commands_of, mavfer_words

pytestmark = pytest.mark.timeout(900)
TUTORIAL = [block for block in blocks_of("docs/tutorial.md") if block.language == "sh"]
FORMATS = blocks_of("docs/formats.md")
SNIPPETS = [block for block in FORMATS if block.language == "python"]
CHUNKS = [
    "".join(line.strip() for line in block.text.split("\n"))
    for block in FORMATS
    if block.text.startswith('{"wall_ms"')
]
DUMP = re.compile(r"^\$ xxd (?:-s (?P<start>\d+) )?-l (?P<length>\d+) (?P<file>\S+)\n(?P<dump>.*)", re.S)
SERVED = (["dataset", "view"], ["annotate"], ["operate"], ["view"])
FACE_S, BOARD_S, FPS, CLIP, STEPS = 8, 22, 6, 8, 2


def reduced(words: list[str]) -> list[str]:
    """Return a command at its reduced size.

    `--seconds` is at most 8 for a face and 22 for a board; `rig new` gets `--fps 6`; `train` takes two steps
    with clips of 8 frames, whatever it says of epochs, steps and frames; `explain` blanks one clip, shows one
    of the worst, and films nothing.
    """
    words = list(words)
    if "--seconds" in words:
        at = words.index("--seconds") + 1
        words[at] = f"{min(float(words[at]), BOARD_S if 'board' in words else FACE_S):g}"
    if words[:2] == ["rig", "new"] and "--fps" not in words:
        words += ["--fps", str(FPS)]
    if words[0] == "train":
        for option in ("--epochs", "--steps", "--n-frames"):
            if option in words:
                at = words.index(option)
                del words[at : at + 2]
        words += ["--n-frames", str(CLIP), "--steps", str(STEPS)]
    if words[0] == "explain":
        if "--clips" in words:
            at = words.index("--clips")
            del words[at : at + 2]
        words += ["--clips", "1", "--worst", "1", "--films", "0"]
    return words


class Walk:
    """A folder in which pages are walked, and what was run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[list[str]] = []

    def along(self, blocks: list[Block]) -> None:
        """Run mavfer's own commands of some blocks, reduced; raises AssertionError for one that fails."""
        for block in blocks:
            for words in commands_of(block.text):
                own = mavfer_words(words)
                if own is not None and reduced(own) not in self.done:
                    self.run(reduced(own), block)
                    self.done.append(reduced(own))

    def run(self, words: list[str], block: Block) -> None:
        """Run one command; patterns of files are filled in as a shell does."""
        typed = [one for word in words for one in self._files(word)]
        self._clear(typed)
        command = [sys.executable, "-P", "-m", "mavfer", *typed]
        if any(words[: len(served)] == served for served in SERVED):
            self._serve([*command, "--no-browser"] if "--no-browser" in _options(typed) else command)
            return
        ran = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=600
        )
        assert ran.returncode == 0, f"{block}: mavfer {' '.join(typed)}\n{ran.stdout}\n{ran.stderr}"

    def _files(self, word: str) -> list[str]:
        found = sorted(self.folder.glob(word)) if set(word) & set("*?") else []
        return [path.relative_to(self.folder).as_posix() for path in found] or [word]

    def _clear(self, words: list[str]) -> None:
        """Remove what a command would make, if an earlier one with other words has made it."""
        made = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--out"]
        if words[0] == "record":
            made.append(words[1])
        for name in made:
            if (self.folder / name).is_dir():
                shutil.rmtree(self.folder / name)
            elif (self.folder / name).is_file():
                (self.folder / name).unlink()
            else:
                continue
            self.done = [other for other in self.done if name not in other]  # what used it is to run again

    def _serve(self, command: list[str]) -> None:
        """Serve a page, ask for it, and end it as Ctrl-C does."""
        with subprocess.Popen(
            command, cwd=self.folder, stderr=subprocess.STDOUT, stdout=-1, text=True
        ) as server:
            assert server.stdout is not None
            told = ""
            for line in server.stdout:
                told += line
                if found := re.search(r"http://\S+", line):
                    with urllib.request.urlopen(found[0], timeout=30) as answer:
                        assert answer.status == 200
                    break
            server.send_signal(signal.SIGINT)
            told += server.stdout.read()
            assert server.wait(60) in (0, 130), told


def _options(words: list[str]) -> set[str]:
    from .conftest import command_named

    command, _ = command_named(words)
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    walk = Walk(tmp_path_factory.mktemp("walk"))
    walk.along(TUTORIAL)
    return walk


@pytest.fixture(scope="module")
def filed(walked: Walk) -> Walk:
    """What was walked, with what the page of formats makes besides, and its chunk stored in the study."""
    from mavfer.annotate.store.store import Store, now_ms
    from mavfer.annotate.study.study import open_study
    from mavfer.annotate.takes.events import Chunk

    walked.along([block for block in FORMATS if block.language == "sh"])
    study = open_study(walked.folder / "study")
    store = Store(study.database_url, study_id=study.config.id, key=study.key())
    for text in CHUNKS:
        Chunk.model_validate_json(text)
        one = store.assignments(rater=store.raters()[0].id)[0]
        take, run = store.takes.open_run(one.id, now_ms=now_ms(), clock_ahead_ms=0, browser="")
        store.takes.append(take, run, 0, text.encode(), now_ms=now_ms())
    store.close()
    return walked


def test_the_tutorial_leads_from_boards_to_a_model_and_what_it_sees(walked: Walk) -> None:
    assert {"record", "calibrate", "simulate-raters", "build-dataset", "train", "evaluate"} <= {
        words[0] for words in walked.done
    }
    assert (walked.folder / "runs" / "mran" / "evaluation.json").is_file()
    assert (walked.folder / "explained" / "index.html").is_file()
    assert tomllib.loads((walked.folder / "seen" / "prediction.toml").read_text())["subject"] == "S02"
    assert tomllib.loads((walked.folder / "calibration.toml").read_text())["kind"] == "calibration"


def test_a_first_session_by_hand(walked: Walk) -> None:
    blocks = [one for one in blocks_of("README.md") if one.heading == "A first session by hand"]
    assert blocks
    walked.along(blocks)


def test_your_own_video(walked: Walk) -> None:
    blocks = [
        one for one in blocks_of("README.md") if one.heading == "Your own video" and one.language == "sh"
    ]
    assert blocks
    own = Walk(walked.folder / "own-video")
    (own.folder / "traces").mkdir(parents=True)
    export = ["export", "sessions/S01", "--format", "mp4", "--stream", "color", "--out", "film"]
    walked.run(export, blocks[0])
    shutil.copy(walked.folder / "film" / "color.mp4", own.folder / "holiday.mp4")
    for dimension in ("valence", "arousal"):
        rating = (walked.folder / "traces" / f"S01.sim1.{dimension}.csv").read_text()
        (own.folder / "traces" / f"holiday.anna.{dimension}.csv").write_text(rating)
    own.along(blocks)


@pytest.mark.parametrize("block", SNIPPETS, ids=str)
def test_the_formats_are_read_by_the_lines_that_the_page_shows(block: Block, filed: Walk) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", block.text],
        cwd=filed.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{block}\n{ran.stderr}"
    assert ran.stdout
    assert "mavfer" not in re.findall(r"^(?:from|import) (\w+)", block.text, re.M)


def test_the_formats_have_the_bytes_that_the_page_shows(filed: Walk) -> None:
    dumps = [found for block in FORMATS if (found := DUMP.match(block.text))]
    assert len(dumps) >= 9
    for found in dumps:
        start, length = int(found["start"] or 0), int(found["length"])
        with (filed.folder / found["file"]).open("rb") as file:
            file.seek(start)
            stored = file.read(length)
        shown = "".join(line[10:50].replace(" ", "") for line in found["dump"].split("\n") if line)
        assert bytes.fromhex(shown) == stored, found["file"]


def test_a_chunk_of_the_page_stands_in_the_study_byte_for_byte(filed: Walk) -> None:
    with closing(sqlite3.connect(filed.folder / "study" / "study.sqlite")) as study:
        assert [body.decode() for (body,) in study.execute("select body from chunks")] == CHUNKS
    assert len(CHUNKS) == 1


def test_mcap_files_end_as_they_begin(walked: Walk) -> None:
    files = sorted(walked.folder.glob("sessions/S01/*.mcap"))
    assert len(files) == 3
    assert all(path.read_bytes()[-8:] == path.read_bytes()[:8] == b"\x89MCAP0\r\n" for path in files)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rig new --out rig.toml", "rig new --out rig.toml --fps 6"),
        ("record b --seconds 40 --scene board", "record b --seconds 22 --scene board"),
        ("record s --seconds 40", "record s --seconds 8"),
        ("record s --seconds 5", "record s --seconds 5"),
        ("train d --epochs 3 --out r", "train d --out r --n-frames 8 --steps 2"),
        ("explain r --clips 4 --out e", "explain r --out e --clips 1 --worst 1 --films 0"),
    ],
)
def test_only_sizes_are_reduced(typed: str, meant: str) -> None:
    assert reduced(typed.split()) == meant.split()


def test_pictures_of_the_tutorial_are_small() -> None:
    for path in (ROOT / "docs").glob("tutorial-*"):
        assert path.stat().st_size < 150_000, path
