"""Where a build works: the folder `.NAME.building` beside the dataset, held by one build at a time.

Each finished session stands there as `<id>.h5`, its record in `finished/<id>.toml`. Whatever ends the build,
the next one with the same dataset finds them. What one attempt writes has `.partial-` in its name.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

import tomlkit

from ...capture.locking import lock
from ...config import read_toml
from ...errors import MavferError, OutputError
from ...output import new_file, require_folder_free
from ..dataset.record import RECORD_NAME, REPORT_NAME, SessionRecord, SplitScheme, read_record
from .jobs import Kept
from .sessions_given import PARTIAL

FINISHED = "finished"


class Workplace:
    """The folder that a build works in, until it is the dataset; to be closed whatever happens.

    Parameters
    ----------
    out : where the dataset will stand
    overwrite : whether a dataset that stands there is replaced
    fresh : whether everything is built again, whatever an earlier build left

    Raises
    ------
    OutputError
        Something stands at `out`, it names no folder, another build works there, or the disk refuses.
    """

    def __init__(self, out: Path, *, overwrite: bool = False, fresh: bool = False) -> None:
        if out.name in ("", ".."):
            raise OutputError(f"wanted the name of a new folder for the dataset, found {str(out)!r}")
        self.out = out
        self.folder = folder_of_build(out)
        self._replaced = out.parent / f".{out.name}.replaced"
        self._claim_path = out.parent / f".{out.name}.building.lock"
        require_folder_free(out, marker=RECORD_NAME, overwrite=overwrite)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._claim = self._claimed()
        except OSError as error:
            raise OutputError(f"cannot write the result: {error.strerror}: {out}") from error
        try:
            self._mend()
            require_folder_free(out, marker=RECORD_NAME, overwrite=overwrite)
            self._open(fresh=fresh)
        except OSError as error:
            self.close()
            raise OutputError(f"cannot write the result: {error.strerror}: {self.folder}") from error
        except BaseException:
            self.close()
            raise
        self._kept = {} if fresh else self._earlier()

    def kept(self, session_id: str) -> tuple[Kept, ...]:
        """Return the files of a session that earlier builds made, the likeliest first."""
        return tuple(self._kept.get(session_id, ()))

    def standing_splits(self) -> tuple[SplitScheme, ...]:
        """Return the splits of the dataset that stands at `out`; none where there is no dataset.

        Raises
        ------
        DatasetError
            Its record does not read.
        """
        return read_record(self.out).splits if (self.out / RECORD_NAME).is_file() else ()

    def keep(self, record: SessionRecord, file: Path) -> None:
        """Put a finished session's file and record into place; from here on no interruption costs it.

        Raises
        ------
        OSError
            The disk refuses.
        """
        place = self.folder / f"{record.id}.h5"
        note = self.folder / FINISHED / f"{record.id}.toml"
        if file != place:
            note.unlink(missing_ok=True)
            file.replace(place)
            _sync_folder(self.folder)
        table = record.model_dump(mode="json", exclude_none=True)
        with new_file(note, overwrite=True) as temporary:
            temporary.write_text(tomlkit.dumps(table), encoding="utf-8")
        _sync_folder(note.parent)
        if file != place:
            shutil.rmtree(file.parent, ignore_errors=True)

    def finish(self, files: Collection[str]) -> None:
        """Make the folder the dataset: `files`, the record and the report stay, all else goes.

        A dataset that stood there stays until the new one stands.

        Raises
        ------
        OutputError
            The disk refuses; the finished sessions stay where they are.
        """
        try:
            for path in self.folder.iterdir():
                if path.name not in (*files, RECORD_NAME, REPORT_NAME, FINISHED):
                    _remove(path)
            _remove(self.folder / FINISHED)  # `dataset.toml` holds the same records
            _sync_folder(self.folder)
            if self.out.is_symlink() or self.out.exists():
                self.out.replace(self._replaced)
            try:
                self.folder.replace(self.out)
            except OSError:
                if self._replaced.exists():
                    self._replaced.replace(self.out)
                raise
            _sync_folder(self.out.parent)
            _remove(self._replaced)
        except OSError as error:
            raise OutputError(
                f"cannot put the dataset into its place: {error.strerror}; the finished sessions are kept, "
                f"mend it and build again: {self.out}"
            ) from error

    def close(self) -> None:
        """Let the place go; what is finished stays, what is half-written and what is empty goes.

        A disk that refuses is no trouble: the next build clears up.
        """
        with suppress(OSError):
            if self.folder.is_dir():
                self._sweep()
                if not self._is_worth_keeping():
                    shutil.rmtree(self.folder, ignore_errors=True)
        if sys.platform == "win32":
            self._claim.close()
        with suppress(OSError):
            self._claim_path.unlink()  # elsewhere while it is held: nobody claims a name that goes
        self._claim.close()

    def _earlier(self) -> dict[str, list[Kept]]:
        """Return, by session, all files with their records that earlier builds left here or at `out`."""
        found: list[Kept] = []
        for note in sorted((self.folder / FINISHED).glob("*.toml")):
            with suppress(MavferError):  # a note that does not read counts for nothing
                record = read_toml(note, SessionRecord)
                found.append(Kept(self.folder / f"{record.id}.h5", record))
        for folder in (self.folder, self.out):
            with suppress(MavferError):
                built = read_record(folder).built
                found += [Kept(folder / record.file, record) for record in built if record.file]
        by_session: dict[str, list[Kept]] = {}
        for kept in found:
            if kept.record.key:
                by_session.setdefault(kept.record.id, []).append(kept)
        return by_session

    def _claimed(self) -> IO[bytes]:
        """Return the open lock file, held; raises OutputError where another build holds it."""
        while True:
            claim = self._claim_path.open("a+b")
            if not lock(claim.fileno()):
                claim.seek(0)
                owner = claim.read(200).decode(errors="replace").strip() or "unknown"
                claim.close()
                raise OutputError(
                    f"another build (process {owner}) works on this dataset; wait for it, or stop it and run "
                    f"the same command again: {self.out}"
                )
            if sys.platform == "win32" or _is_same(claim, self._claim_path):
                claim.truncate(0)
                claim.write(f"{os.getpid()} on {socket.gethostname()}\n".encode())
                claim.flush()
                return claim
            claim.close()  # its last owner took the name away; claim the next one

    def _mend(self) -> None:
        """Finish or take back the last two renames, where a build was interrupted at them."""
        if (self.out / RECORD_NAME).is_file():
            _remove(self._replaced)  # the new dataset stands, the old one had not gone yet
        elif self._replaced.exists():
            if self.out.is_dir():
                self.out.rmdir()  # it is empty, or `require_folder_free` would have refused
            self._replaced.replace(self.out)

    def _open(self, *, fresh: bool) -> None:
        if fresh:
            _remove(self.folder)
        self.folder.mkdir(exist_ok=True)
        self._sweep()
        (self.folder / FINISHED).mkdir(exist_ok=True)

    def _is_worth_keeping(self) -> bool:
        finished = self.folder / FINISHED
        return (finished.is_dir() and any(finished.iterdir())) or (self.folder / RECORD_NAME).exists()

    def _sweep(self) -> None:
        """Take away what attempts left half-written."""
        for path in [*self.folder.glob(f"*{PARTIAL}*"), *(self.folder / FINISHED).glob(f".*{PARTIAL}*")]:
            _remove(path)


def folder_of_build(out: Path) -> Path:
    """Return where the build of the dataset `out` works."""
    return out.parent / f".{out.name}.building"


def n_finished(out: Path) -> int:
    """Return how many sessions an interrupted build of the dataset `out` has finished."""
    return len(list((folder_of_build(out) / FINISHED).glob("[!.]*.toml")))


def _is_same(opened: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Have the disk keep the names in a folder; Windows does so by itself."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
