"""Where somebody is at work on a thing, forgetting is refused in one line, before anything is changed."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from mavfer.annotate.store.store import Store
from mavfer.annotate.study.study import open_study
from mavfer.capture.locking import lock
from mavfer.errors import MavferError
from mavfer.preprocess.building.workplace import Workplace
from mavfer.privacy.forget import Wishes, forget, plan_to_forget


def refused(lab: Path, match: str) -> None:
    """What is refused leaves every file as it is, and no journal."""
    before = {path: path.stat().st_mtime_ns for path in lab.rglob("*") if path.suffix not in ("", ".lock")}
    with pytest.raises(MavferError, match=match):
        forget(plan_to_forget("kestrel1", [lab], Wishes()))
    after = {path: path.stat().st_mtime_ns for path in lab.rglob("*") if path.suffix not in ("", ".lock")}
    sqlite = {path for path in before if ".sqlite" in path.name}
    assert {path: t for path, t in after.items() if path not in sqlite} == {
        path: t for path, t in before.items() if path not in sqlite
    }


def test_a_session_that_is_being_recorded(sessions: Path, ratings: Path, tmp_path: Path):
    file = next((sessions / "kestrel1-a").glob("thermal*.mcap"))
    with file.open("rb+") as recorder:
        assert lock(recorder.fileno())
        refused(tmp_path / "lab", r"a recorder still writes into the session; stop it first: .*mcap")
    forget(plan_to_forget("kestrel1", [tmp_path / "lab"], Wishes()))
    assert not file.exists()
    assert ratings.exists()


def test_a_dataset_that_is_being_built(dataset: Path, ratings: Path, tmp_path: Path):
    with closing(Workplace(dataset, overwrite=True)):
        refused(tmp_path / "lab", r"the dataset is being built; wait for it or stop it")
    assert ratings.exists()


def test_a_study_that_is_being_served(study: Path, dataset: Path, tmp_path: Path):
    opened = open_study(study)
    with Store(opened.database_url, study_id=opened.config.id, key=opened.key()):
        refused(tmp_path / "lab", r"the study is being served.*stop `mavfer annotate` first: .*study\.sqlite")
    forget(plan_to_forget("kestrel1", [tmp_path / "lab"], Wishes()))
    assert dataset.exists()


def test_a_copy_that_an_upgrade_of_the_database_left_is_scrubbed_too(
    study: Path, dataset: Path, tmp_path: Path
):
    import re

    old = study / "study.sqlite.before-0002"
    shutil.copy(study / "study.sqlite", old)
    forget(plan_to_forget("kestrel1", [tmp_path / "lab"], Wishes()))
    assert dataset.exists()
    for path in (old, study / "study.sqlite"):
        assert re.search(rb"kestrel1(?!0)", path.read_bytes()) is None
        assert b"a word about heron2-a" in path.read_bytes()
