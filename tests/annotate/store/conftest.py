"""A store on either database: empty, or with one assignment."""

from collections.abc import Callable, Iterator

import pytest

from mavfer.annotate.store.records import Assignment, Video
from mavfer.annotate.store.store import Store
from mavfer.annotate.study.study import new_id

KEY = bytes(range(32))


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[[], Store]]:
    """Return a function that opens the store, as often as it is called."""
    study_id, opened = new_id(), []

    def start() -> Store:
        opened.append(Store(database_url, study_id=study_id, key=KEY))
        return opened[-1]

    yield start
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """Return an empty store."""
    return open_store()


@pytest.fixture
def assigned(store: Store) -> Assignment:
    """Return the one assignment of a store with one rater and one video."""
    rater = store.add_rater("anna", team=1)
    video = Video(new_id(), "session", False, 4.0, "0" * 64)
    store.add_video(video)
    one = Assignment(new_id(), rater.id, video.id, "valence", 0)
    store.add_assignments([one])
    return one
