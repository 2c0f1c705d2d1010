"""What the server has acknowledged is there after it was killed with SIGKILL in the middle of storing."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import mavfer
from mavfer.annotate.store.store import Store
from mavfer.annotate.study.study import new_id

MAVFER = Path(mavfer.__file__).parent
STUDY = "0123456789abcdef"
WRITER = """
import sys, threading
from mavfer.annotate.store.store import Store
store = Store(sys.argv[1], study_id=sys.argv[2], key=bytes(32))
told = threading.Lock()
def write(take):
    for number in range(100_000):
        store.takes.append(take, 0, number, b"%d " % number * 1000, now_ms=number)
        with told:
            print(take, number, flush=True)
for take in sys.argv[3:]:
    threading.Thread(target=write, args=(take,)).start()
"""


@pytest.mark.parametrize("n_acknowledged", [1, 40, 200])
def test_every_acknowledged_chunk_is_there_after_a_kill(open_takes, database_url, n_acknowledged):
    takes = open_takes(n=6)
    command = [sys.executable, "-c", WRITER, database_url, STUDY, *takes]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=MAVFER.parent)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().split() for _ in range(n_acknowledged)]
    writer.kill()  # SIGKILL; what it had told until then is still in the pipe
    rest, _ = writer.communicate(timeout=60)
    acknowledged += [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    with Store(database_url, study_id=STUDY, key=bytes(32)) as store:
        stored = {take: {c.number: c.body for c in store.takes.chunks(take)} for take in takes}
        assert store.complaints() == ()
    for take, number in acknowledged:
        assert stored[take][int(number)] == b"%d " % int(number) * 1000
    for take in takes:  # no chunk is there in part, and none is left out between two
        assert sorted(stored[take]) == list(range(len(stored[take])))
        assert all(body == b"%d " % number * 1000 for number, body in stored[take].items())


def test_a_reader_is_not_held_up_by_a_writer(open_takes, database_url):
    (take,) = open_takes(n=1)
    with Store(database_url, study_id=STUDY, key=bytes(32)) as store:
        inside, done = threading.Event(), threading.Event()

        def hold() -> None:
            with store._database.writing():
                inside.set()
                done.wait(30)

        writer = threading.Thread(target=hold)
        writer.start()
        inside.wait(30)
        assert store.takes.chunks(take) == ()
        assert len(store.raters()) == 1
        assert not done.is_set()
        done.set()
        writer.join()


@pytest.fixture
def open_takes(database_url):
    """Return a function that makes takes, one run each, of as many raters."""
    from mavfer.annotate.store.records import Assignment, Video

    def make(*, n: int) -> list[str]:
        with Store(database_url, study_id=STUDY, key=bytes(32)) as store:
            video = Video(new_id(), "session", False, 4.0, "0" * 64)
            store.add_video(video)
            todo = [
                Assignment(new_id(), store.add_rater(f"r{k}", team=1).id, video.id, "both", 0)
                for k in range(n)
            ]
            store.add_assignments(todo)
            opened = {"now_ms": 0, "clock_ahead_ms": 0, "browser": ""}
            return [store.takes.open_run(one.id, **opened)[0] for one in todo]

    return make
