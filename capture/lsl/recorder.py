"""LSL streams found on the network and recorded beside the cameras, over all takes of a master."""

import threading
from collections.abc import Collection, Sequence
from typing import Any

from .publisher import load_pylsl
from .samples import Add, topic_of
from .stream import LslStatus, StreamThread, Tape, form_of

LOOK_EVERY_S = 0.25
FORGET_AFTER_S = 5.0
AGAIN_AFTER_S = 1.0
MAX_STREAMS = 64


class LslRecorder:
    """Find the streams that match predicates, connect, and record them while a take runs.

    It lives as long as the master: streams are found and their clocks measured before the first take, and one
    that appears or comes back later is taken in then.

    Parameters
    ----------
    predicates : of `LslSettings.record`
    ignore : source ids of streams that are not to be recorded, as those of the master's own publisher
    """

    def __init__(self, predicates: Sequence[str], *, ignore: Collection[str] = ()) -> None:
        self._pylsl = load_pylsl()
        self._ignored = frozenset(ignore)
        self._resolvers = {
            text: self._pylsl.ContinuousResolver(pred=text, forget_after=FORGET_AFTER_S)
            for text in dict.fromkeys(predicates)
        }
        self._tape = Tape()
        self._lock = threading.Lock()
        self._streams: dict[str, StreamThread] = {}  # by topic
        self._uids: set[str] = set()
        self._matching: dict[str, set[str]] = {text: set() for text in self._resolvers}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lsl", daemon=True)
        self._thread.start()

    def begin(self, add: Add) -> None:
        """Record from now on, through `add`, which must be safe to call from any thread."""
        with self._lock:
            self._tape.load(add, list(self._streams.values()))

    def end(self) -> None:
        """Record no more; nothing is added once this has returned. Harmless when nothing is recorded."""
        self._tape.load(None, ())

    def statuses(self) -> tuple[LslStatus, ...]:
        """Return the streams found so far, by topic."""
        with self._lock:
            return tuple(stream.status() for _, stream in sorted(self._streams.items()))

    def missing(self) -> tuple[str, ...]:
        """Return the predicates that no connected stream matches."""
        with self._lock:
            connected = {stream.uid for stream in self._streams.values() if stream.state == "connected"}
            return tuple(text for text, uids in self._matching.items() if not uids & connected)

    @property
    def complaints(self) -> tuple[str, ...]:
        """What went wrong with the streams in this take, one line each."""
        return tuple(self._tape.complaints)

    def close(self) -> None:
        """Let all streams go; harmless when called twice."""
        self.end()
        self._closing.set()
        self._thread.join()
        with self._lock:
            for stream in self._streams.values():
                stream.leave()
            self._resolvers.clear()

    def _run(self) -> None:
        while not self._closing.wait(LOOK_EVERY_S):
            here = {text: resolver.results() for text, resolver in self._resolvers.items()}
            with self._lock:
                for text, infos in here.items():
                    self._matching[text] = {info.uid() for info in infos}
                found = {info.uid(): info for infos in here.values() for info in infos}
                for uid, info in found.items():
                    if uid not in self._uids and info.source_id() not in self._ignored:
                        self._take_in(uid, info)
                for stream in self._streams.values():
                    stream.look(answers=stream.uid in found)
                    if stream.over_s > AGAIN_AFTER_S:  # perhaps only the connection broke
                        self._uids.discard(stream.uid)

    def _take_in(self, uid: str, info: Any) -> None:
        """Connect to a stream that has just been found, or found again."""
        self._uids.add(uid)
        before = next((stream for stream in self._streams.values() if stream.is_now(info)), None)
        if before is not None:
            before.leave()
            form = before.form
        elif len(self._streams) < MAX_STREAMS:
            topic = topic_of(info.name(), list(self._streams))
            form = form_of(self._pylsl, info, number=len(self._streams), topic=topic)
        else:
            self._tape.complain(f"stream {info.name()!r} is not recorded: there are {MAX_STREAMS} already")
            return
        self._streams[form.topic] = StreamThread(self._pylsl, info, form, self._tape, before)
