"""Many sessions of one recording, under other ids, for tests of who builds them."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mavfer.preprocess.building.jobs import SessionTask
from mavfer.preprocess.dataset.record import SplitConfig
from mavfer.preprocess.scheduling.attempt import Result

ALL_TRAIN = SplitConfig(n_test_subjects=0, n_validation_subjects=0)


class Log:
    """A watch that keeps what it is told, and passes it on to a test."""

    def __init__(self, on_advance: Callable[[SessionTask, int], None] | None = None) -> None:
        self.begun: list[str] = []
        self.ended_as: dict[str, Result] = {}
        self.n_told = 0
        self._on_advance = on_advance

    def planned(self, tasks: Sequence[SessionTask]) -> None:
        """Nothing to keep."""

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Keep who begins; a session may begin again."""
        assert n_frames == 17
        self.n_told += 1
        if n_done == 0:
            self.begun.append(task.id)
        if self._on_advance is not None:
            self._on_advance(task, n_done)

    def ended(self, task: SessionTask, result: Result) -> None:
        """Keep how a session fared; nobody is told of twice."""
        assert task.id not in self.ended_as
        self.ended_as[task.id] = result


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory, simulated_session: Path) -> Path:
    """A folder of three sessions, "a", "b" and "c", of the same pictures; each of another subject."""
    folder = tmp_path_factory.mktemp("twins")
    for name in "abc":
        copy_session(simulated_session, folder / name)
    return folder


def copy_session(session: Path, to: Path) -> Path:
    """Copy a session under the id of its new folder, and of a subject of its own."""
    shutil.copytree(session, to)
    record = to / "session.toml"
    text = record.read_text().replace('id = "take"', f'id = "{to.name}"')
    record.write_text(text.replace('subject = "S01"', f'subject = "S-{to.name}"'))
    return to
