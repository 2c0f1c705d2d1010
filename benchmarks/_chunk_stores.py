"""Ways to keep a chunk so that it is there after a power cut; all get the same chunks from six threads."""

import json
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Append = Callable[[str, int, bytes], object]
"""Takes a take, a number and a chunk, and returns when the chunk is on the disk."""


class RolledBackSqlite:
    """SQLite as it comes: synchronous=FULL and a rollback journal; one table, and no checks."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "plain.sqlite"
        self._local = threading.local()
        with closing(sqlite3.connect(self._path)) as connection:
            connection.execute("CREATE TABLE chunks (take, number, body, PRIMARY KEY (take, number))")

    def append(self, take: str, number: int, body: bytes) -> None:
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
            self._local.connection.execute("PRAGMA synchronous=FULL")
        self._local.connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", (take, number, body))


class RewrittenFile:
    """One JSON file for each take, written anew, flushed and renamed at every chunk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: dict[str, list[object]] = defaultdict(list)

    def append(self, take: str, number: int, body: bytes) -> None:
        del number
        self._taken[take].append(json.loads(body))
        path = self._folder / f"{take}.json"
        temporary = path.with_suffix(".partial")
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(self._taken[take], stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def measure(append: Append, takes: list[str], body: bytes, *, n_chunks: int, every_s: float) -> list[float]:
    """Return how long each chunk took, milliseconds; every take sends one every so often, out of step."""
    took_ms: list[float] = []

    def send(k: int) -> None:
        begin_s = time.perf_counter() + k * every_s / len(takes)
        for number in range(n_chunks):
            time.sleep(max(0.0, begin_s + number * every_s - time.perf_counter()))
            before_s = time.perf_counter()
            append(takes[k], number, body)
            took_ms.append((time.perf_counter() - before_s) * 1000)

    threads = [threading.Thread(target=send, args=(k,)) for k in range(len(takes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took_ms
