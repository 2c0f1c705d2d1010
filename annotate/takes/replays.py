"""The replays of a study's takes, each made once for as long as no chunk is added to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from ..store.store import Store
from ..study.films import Film
from ..trace import Dimension
from .log import runs_of
from .replay import Replay, replay

KEPT = 64
"""Replays of 10 minutes, 15,000 frames, take 0.3 MB each."""


class Replays:
    """The newest replay of each of the takes that were last asked for; used from any thread."""

    def __init__(self, store: Store, *, kept: int = KEPT) -> None:
        self._store, self._n_kept = store, kept
        self._made: OrderedDict[str, tuple[int, Replay]] = OrderedDict()
        self._lock = Lock()

    def of(self, take: str, film: Film, dimensions: Sequence[Dimension]) -> Replay:
        """Return what a take says of its film now.

        Chunks are only ever added, so that their number tells whether there are new ones; without any, none
        is read.

        Raises
        ------
        StudyError
            A chunk of it cannot be read.
        """
        n_chunks = self._store.takes.n_chunks(take)
        with self._lock:
            made = self._made.get(take)
            if made is not None and made[0] == n_chunks:
                self._made.move_to_end(take)
                return made[1]
        chunks = self._store.takes.chunks(take)
        found = replay(runs_of(chunks), film, dimensions)
        with self._lock:
            self._made[take] = len(chunks), found
            self._made.move_to_end(take)
            while len(self._made) > self._n_kept:
                self._made.popitem(last=False)
        return found
