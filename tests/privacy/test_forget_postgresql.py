"""A study whose database is on a real PostgreSQL server: the subject's rows leave it, the others' stay."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from mavfer.annotate.store.store import Store
from mavfer.annotate.study.study import open_study
from mavfer.errors import StudyError
from mavfer.privacy.forget import Wishes, forget, plan_to_forget

from_annotate = importlib.util.spec_from_file_location(
    "annotate_conftest", Path(__file__).parents[1] / "annotate" / "conftest.py"
)
assert from_annotate is not None
assert from_annotate.loader is not None
servers = importlib.util.module_from_spec(from_annotate)
from_annotate.loader.exec_module(servers)
cluster, postgresql_url = servers.cluster, servers.postgresql_url  # the fixtures that start and stop one


def test_films_leave_a_study_on_a_server(
    tmp_path: Path, ratings: Path, postgresql_url: str, fill_study: Callable[..., dict[str, str]]
):
    folder = tmp_path / "lab" / "study"
    films = fill_study(folder, postgresql_url)
    opened = open_study(folder)
    wishes = Wishes(sessions=["kestrel1-a"], database=postgresql_url)
    with pytest.raises(StudyError, match="wanted the database of a study that shows the subject"):
        plan_to_forget("kestrel1", [tmp_path / "lab"], Wishes(sessions=["kestrel1-a"]))
    with Store(postgresql_url, study_id=opened.config.id, key=opened.key()):
        with pytest.raises(StudyError, match="the study is being served"):
            forget(plan_to_forget("kestrel1", [tmp_path / "lab"], wishes))
        assert (ratings / "kestrel1-a.anna.valence.csv").exists()
    forget(plan_to_forget("kestrel1", [tmp_path / "lab"], wishes))
    with Store(postgresql_url, study_id=opened.config.id, key=opened.key()) as store:
        assert {one.session for one in store.videos()} == {"practice", "kestrel10-a", "heron2-a"}
        assert [one.name for one in store.raters()] == ["anna"]
        assert {one.state for one in store.assignments()} == {"complete"}
    assert not (opened.videos / f"{films['kestrel1-a']}.mp4").exists()
    assert (opened.videos / f"{films['kestrel10-a']}.mp4").exists()
