"""A session's files brought together: recorders on other machines send what they have of it to the master.

receive_files.py fetches one file, send_files.py is the recorder's side.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from ...errors import ConfigError, OutputError, RecordError, SessionError
from ..crew import Crew
from ..disk import disk_of, size_text
from ..file_check import missing_files
from ..file_mending import TORN_FOLDER
from ..rig import Rig
from ..session import SessionRecord, read_record, write_record
from ..session_writer import being_written, recorder_files
from .receive_files import FileLine, bring, header_of, partial_of, same_hash
from .send_files import is_file_of

GATHER_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 20.0
LOST_S = 10.0
LISTEN_S = 0.05
AGAIN = "what came is kept; run it again to go on"

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What became of a collection.

    Attributes
    ----------
    path : the session folder
    files : names of the files that came from each recorder, and of those that were here before
    n_bytes : of those that came
    removed : how many files each recorder has removed
    notes : what else is to be known, one line each
    problems : why files are missing still, one line each
    """

    path: Path
    files: dict[str, tuple[str, ...]]
    n_bytes: int
    removed: dict[str, int]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a recorder has of the session: sizes by file name."""

    line: FileLine
    folder: str
    sizes: dict[str, int]
    hashes: dict[str, str] = field(default_factory=dict)


def collect(
    path: Path,
    *,
    rig: Rig | None = None,
    remove: bool = False,
    on_progress: OnProgress | None = None,
    gather_timeout_s: float = GATHER_TIMEOUT_S,
    lost_s: float = LOST_S,
) -> CollectReport:
    """Bring the files of a session that lie with waiting recorders into its folder.

    A file gets its name when it has the same hash at both ends; until then it is `.NAME.partial`, with which
    another run goes on. A recorder whose files are all here is no longer said to have them elsewhere. What
    goes wrong with one recorder keeps no other from sending.

    Parameters
    ----------
    path : the session folder
    rig : where its recorders find the master now; as the session says, if None
    remove : let recorders remove the files that are here on the disk, also those that were collected before
    on_progress : called with bytes done, bytes in all, and what is done
    gather_timeout_s : recorders that have not joined by then are a problem
    lost_s : a recorder that was silent for so long is given up

    Raises
    ------
    SessionError
        `path` is no session folder, or the session is still recorded.
    ConfigError
        The rig does not know a recorder of the session, or starts it itself.
    RecordError
        Another master is at work.
    OutputError
        The disk has no room for the files, or refuses them.
    """
    path = Path(path).absolute()
    record = read_record(path)
    names = [name for name, known in record.recorders.items() if known.folder]
    settings = rig or record.settings
    if settings is not None and remove:
        names = [name for name in record.recorders if name in names or _waits(settings, name)]
    if not names:
        if gone := missing_files(path, record):
            raise SessionError(f"{'; '.join(gone)}: {path}")
        return CollectReport(path, {}, 0, {}, ("all files of the session lie in its folder",), ())
    if settings is None:
        raise SessionError(f"the session does not tell its rig; pass --rig: {path}")
    for name in names:
        if not _waits(settings, name):
            raise ConfigError(
                f"wanted a rig in which recorder {name!r} waits for the master (another host, or spawn = "
                f"false), found none; pass --rig: {path}"
            )
    written = being_written(path)
    if written is not None:
        raise SessionError(f"the session is still recorded; wait for its end, or stop it: {written}")
    with Crew(settings, only=names) as crew:
        collection = _Collection(path, record, crew, remove=remove, on_progress=on_progress, lost_s=lost_s)
        return collection.run(gather_timeout_s=gather_timeout_s, reserve_bytes=settings.reserve_mb * 2**20)


def _waits(rig: Rig, name: str) -> bool:
    return name in rig.recorders and not rig.recorders[name].spawned


class _Collection:
    """One run of `collect`."""

    def __init__(
        self,
        path: Path,
        record: SessionRecord,
        crew: Crew,
        *,
        remove: bool,
        on_progress: OnProgress | None,
        lost_s: float,
    ) -> None:
        self._path = path
        self._record = record
        self._crew = crew
        self._remove = remove
        self._on_progress = on_progress
        self._lost_s = lost_s
        self._listened_s = 0.0
        self._done_bytes = self._total_bytes = self._n_bytes = 0
        self._notes: list[str] = []
        self._problems: list[str] = []

    def run(self, *, gather_timeout_s: float, reserve_bytes: int) -> CollectReport:
        """Bring everything that can be had."""
        names = self._gather(gather_timeout_s)
        socket, port = self._crew.link.bind_files()
        offers = {name: offer for name in names if (offer := self._ask(name, socket, port)) is not None}
        self._total_bytes = sum(sum(offer.sizes.values()) for offer in offers.values())
        self._require_room(offers, reserve_bytes)
        files: dict[str, tuple[str, ...]] = {}
        removed: dict[str, int] = {}
        for name, offer in offers.items():
            try:
                for file, n_bytes in offer.sizes.items():
                    offer.hashes[file] = self._have(offer.line, file, n_bytes)
                    self._done_bytes += n_bytes
                if self._settle(name, offer):
                    files[name] = recorder_files(self._path, name)
                    if self._remove:
                        removed[name] = self._remove_all(offer)
            except (RecordError, SessionError) as error:
                self._problems.append(str(error))
            except OSError as error:
                reason = error.strerror or error
                raise OutputError(f"cannot read what is here already: {reason}: {self._path}") from error
        return CollectReport(
            self._path, files, self._n_bytes, removed, tuple(self._notes), tuple(self._problems)
        )

    def _gather(self, timeout_s: float) -> list[str]:
        """Return the names of the recorders that have joined."""
        end_s = time.monotonic() + timeout_s
        while self._crew.missing() and time.monotonic() < end_s:
            self._crew.listen(LISTEN_S)
        missing = self._crew.missing()
        self._problems += [self._crew.absence(name, timeout_s) for name in missing]
        return [member.name for member in self._crew.members() if member.name not in missing]

    def _ask(self, name: str, socket: zmq.Socket, port: int) -> _Offer | None:
        """Return what a recorder has of the session."""
        body = {"session": self._record.id, "port": port}
        try:
            answer = self._crew.command_all("send", body, timeout_s=ANSWER_TIMEOUT_S, only=[name])[name]
            folder, sizes = str(answer.get("folder")), _sizes(answer, name)
        except RecordError as error:
            self._problems.append(str(error))
            return None
        (member,) = (member for member in self._crew.members() if member.name == name)
        peer = member.peer

        def look() -> None:
            now_s = time.monotonic()
            if now_s - self._listened_s < LISTEN_S:
                return
            self._listened_s = now_s
            self._crew.listen(0.0)
            if member.peer != peer:
                raise RecordError(f"recorder {name!r} was started anew; {AGAIN}: {self._path}")
            if now_s - member.heard_s > self._lost_s:
                raise RecordError(
                    f"recorder {name!r} on {member.settings.host} fell silent; {AGAIN}: {self._path}"
                )

        return _Offer(FileLine(self._crew.link, socket, peer=peer, between=look), folder, sizes)

    def _require_room(self, offers: dict[str, _Offer], reserve_bytes: int) -> None:
        """Raise OutputError if what is still to come does not fit."""
        wanted = {
            self._path / file: n_bytes
            for offer in offers.values()
            for file, n_bytes in offer.sizes.items()
            if not (self._path / file).exists()
        }
        n_bytes = sum(wanted.values())
        for file in wanted:
            partial = partial_of(file)
            n_bytes -= partial.stat().st_size if partial.exists() else 0
        free_bytes = disk_of(self._path).free_bytes
        if wanted and n_bytes + reserve_bytes > free_bytes:
            raise OutputError(
                f"wanted {size_text(n_bytes)} for {len(wanted)} files and {size_text(reserve_bytes)} in "
                f"reserve (reserve_mb), found {size_text(free_bytes)} free; make room and run it again: "
                f"{self._path}"
            )

    def _have(self, line: FileLine, file: str, n_bytes: int) -> str:
        """Return the hash of a file that the recorder and the session both have, bringing it if needed."""
        path = self._path / file
        self._show(file, 0)
        if path.exists() or path.is_symlink():
            for copy in (path, *sorted((self._path / TORN_FOLDER).glob(f"{file}*"))):
                if copy.is_symlink() or not copy.is_file() or copy.stat().st_size != n_bytes:
                    continue
                with copy.open("rb") as handle:
                    hash_ = same_hash(line, file, handle, n_bytes=n_bytes, from_disk=self._remove)
                if hash_:
                    return hash_
            raise RecordError(
                f"recorder {line.name!r}: {file} is not what the session has under this name, which is not "
                f"replaced; move that away and run it again: {path}"
            )
        hash_, n_anew = bring(
            line,
            path,
            n_bytes=n_bytes,
            on_bytes=lambda at: self._show(file, at),
            judge=lambda partial: self._require_own(line.name, file, partial),
            from_disk=self._remove,
        )
        self._n_bytes += n_bytes
        if n_anew:
            self._notes.append(f"{file} came otherwise than it lies on {line.name!r} and was fetched anew")
        return hash_

    def _require_own(self, name: str, file: str, partial: Path) -> None:
        """Raise SessionError if a file says that it belongs to another session of the same name."""
        header = header_of(partial).get("session")
        found = header if isinstance(header, dict) else {}
        mine = {"id": self._record.id, "started_utc": self._record.started_utc}
        if {key: found.get(key, mine[key]) for key in mine} != mine:
            raise SessionError(
                f"recorder {name!r}: {file} belongs to the session {found.get('id')!r} begun "
                f"{found.get('started_utc')}, not to this, begun {mine['started_utc']}: {self._path}"
            )

    def _settle(self, name: str, offer: _Offer) -> bool:
        """Write down that a recorder's files are here, if they are."""
        record = read_record(self._path)
        known = record.recorders[name]
        here = recorder_files(self._path, name)
        missing = [file for file in known.files if file not in here]
        if missing or not here:
            what = ", ".join(missing) if missing else f"any file of session {record.id!r}"
            was = f" (it was {known.folder})" if known.folder not in ("", offer.folder) else ""
            self._problems.append(f"recorder {name!r} does not have {what} in {offer.folder}{was}")
            return False
        if known.folder or known.files != here:
            update = {"folder": "", "files": here}
            recorders = record.recorders | {name: known.model_copy(update=update)}
            write_record(self._path, record.model_copy(update={"recorders": recorders}))
        return True

    def _remove_all(self, offer: _Offer) -> int:
        for file, hash_ in offer.hashes.items():
            offer.line.remove(file, hash_)
        return len(offer.hashes)

    def _show(self, file: str, at: int) -> None:
        if self._on_progress is not None:
            self._on_progress(self._done_bytes + at, self._total_bytes, file)


def _sizes(answer: dict[str, Any], name: str) -> dict[str, int]:
    """Return the file sizes that a recorder told; raises RecordError where they are none of its files."""
    sizes = answer.get("files")
    if not isinstance(sizes, dict) or not all(
        is_file_of(name, file) and isinstance(n_bytes, int) and n_bytes >= 0
        for file, n_bytes in sizes.items()
    ):
        raise RecordError(f"recorder {name!r}: wanted sizes of its files, found {str(sizes)[:60]!r}")
    return dict(sorted(sizes.items()))
