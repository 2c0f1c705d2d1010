"""The lab's keys: a CURVE key pair for the master and one for each recorder, as small files in a folder.

Made once by `mavfer keys new`, then carried to the machines. Who may pass at a socket is decided in gate.py.
"""

import contextlib
import os
import shutil
import stat
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from ..errors import ConfigError, OutputError
from .gate import Gate, secure_server
from .locking import lock

MASTER = "master"
KEY_CHARACTERS = 40
"""A CURVE key of 32 bytes in Z85, the text form that ZeroMQ gives its keys (https://rfc.zeromq.org/spec/32)."""


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """What the master's machine holds.

    Attributes
    ----------
    public, secret : the master's own pair, 40 characters each
    recorders : names by public key
    """

    public: bytes
    secret: bytes = field(repr=False)
    recorders: Mapping[bytes, str]

    def secure(self, socket: zmq.Socket) -> None:
        """Let only holders of a key connect; call before the socket binds. Without a gate nobody passes."""
        secure_server(socket, public=self.public, secret=self.secret)

    def gate(self, context: zmq.Context, on_refusal: Callable[[str], None]) -> Gate:
        """Return the gate of a context's secured sockets, through which only the recorders pass.

        `on_refusal` is told of refusals in one line, at most once a second, from a thread of the gate.
        """
        return Gate(context, names=self.recorders, on_refusal=on_refusal)

    def name_of(self, frame: zmq.Frame) -> str | None:
        """Return the recorder whose key carried a frame (received with copy=False), None if none did."""
        try:
            name = frame.get("User-Id")
        except zmq.ZMQError:
            return None
        return str(name) if name in self.recorders.values() else None


@dataclass(frozen=True, slots=True)
class RecorderKeys:
    """What a recorder's machine holds: its own pair and the master's public key, 40 characters each."""

    name: str
    public: bytes
    secret: bytes = field(repr=False)
    master: bytes

    def secure(self, socket: zmq.Socket) -> None:
        """Make the socket speak to this lab's master alone; call before it connects."""
        socket.curve_serverkey = self.master
        socket.curve_publickey = self.public
        socket.curve_secretkey = self.secret


def read_master_keys(folder: Path, recorders: Collection[str]) -> MasterKeys:
    """Return the master's keys and the public keys of `recorders`.

    Raises
    ------
    ConfigError
        A file is missing, damaged, of another machine, or a secret that others can read; see `_read_secret`.
    """
    public, secret = _read_secret(folder, MASTER, needs="the machine that runs `mavfer record`")
    names: dict[bytes, str] = {}
    for name in recorders:
        key = _read_public(folder, name, needs="the master's machine")
        if key == public or key in names:
            raise ConfigError(
                f"wanted a key of its own for recorder {name!r}, found that of {names.get(key, MASTER)!r}; "
                f"copy {name}.pub again from where the keys were made: {folder / f'{name}.pub'}"
            )
        names[key] = name
    return MasterKeys(public, secret, names)


def read_recorder_keys(folder: Path, name: str) -> RecorderKeys:
    """Return the keys of the recorder `name`.

    Raises
    ------
    ConfigError
        A file is missing, damaged, of another machine, or a secret that others can read; see `_read_secret`.
    """
    needs = f"the machine of recorder {name!r}"
    public, secret = _read_secret(folder, name, needs=needs)
    return RecorderKeys(name, public, secret, _read_public(folder, MASTER, needs=needs))


def make_keys(folder: Path, recorders: Collection[str], *, add: bool = False) -> tuple[str, ...]:
    """Make a folder of keys for a master and `recorders`; return the names that got new ones.

    No key that exists is ever replaced. With `add`, the folder is that of a lab, and only recorders that
    have neither a `NAME.key` nor a `NAME.pub` in it get keys.

    Raises
    ------
    ConfigError
        The folder holds something (without `add`), or not the master's key (with it).
    OutputError
        The disk refused; nothing half-written is left.
    """
    if MASTER in recorders:
        raise ConfigError(f"wanted recorders of other names than {MASTER!r}, which is the master's own")
    try:
        return _add_keys(folder, recorders) if add else _new_keys(folder, recorders)
    except OSError as error:
        raise OutputError(f"cannot write the keys: {error.strerror or error}: {folder}") from error


def _new_keys(folder: Path, recorders: Collection[str]) -> tuple[str, ...]:
    from .session_writer import sync_folder

    names = (MASTER, *recorders)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        found = "a lab's keys" if (folder / f"{MASTER}.key").exists() else "something else"
        raise ConfigError(
            f"wanted a new folder, found {found}; keys are never replaced: name another folder, or pass "
            f"--add to make those of recorders that the rig gained: {folder}"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.partial-{os.getpid()}"
    temporary.mkdir(mode=0o700)
    temporary.chmod(0o700)  # a umask may have taken rights from the owner, too
    try:
        for name in names:
            _write_pair(temporary, name)
        sync_folder(temporary)
        if os.name == "nt" and folder.is_dir():
            folder.rmdir()  # empty; there, unlike elsewhere, a rename does not replace it
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(folder.parent)
    return names


def _add_keys(folder: Path, recorders: Collection[str]) -> tuple[str, ...]:
    from .session_writer import sync_folder

    _read_secret(folder, MASTER, needs="the machine where keys are made")
    made = []
    with (folder / f"{MASTER}.key").open("rb") as handle:
        if not lock(handle.fileno()):
            raise ConfigError(f"another `mavfer keys new` is at work here; try again: {folder}")
        for name in recorders:
            if (folder / f"{name}.pub").exists():
                continue
            if (folder / f"{name}.key").exists():  # the step between the two files was the last
                public, _ = _read_secret(folder, name, needs="the machine where keys are made")
                _write_public(folder, name, public)
                continue
            _write_pair(folder, name)
            made.append(name)
    sync_folder(folder)
    return tuple(made)


def _write_pair(folder: Path, name: str) -> None:
    """Write NAME.key, which can make NAME.pub again, and then NAME.pub."""
    public, secret = zmq.curve_keypair()
    text = (
        f"# Secret: it stays on the machine of {name!r} and is read by its owner alone.\n"
        f'name = "{name}"\npublic = "{public.decode()}"\nsecret = "{secret.decode()}"\n'
    )
    _write_whole(folder / f"{name}.key", text, mode=0o600)
    _write_public(folder, name, public)


def _write_public(folder: Path, name: str, public: bytes) -> None:
    _write_whole(folder / f"{name}.pub", f'name = "{name}"\npublic = "{public.decode()}"\n', mode=0o644)


def _write_whole(path: Path, text: str, *, mode: int) -> None:
    """Write a new file that has its mode from its first byte on, under its name only when it is complete."""
    temporary = path.with_name(f".{path.name}.partial-{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.chmod(mode)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_secret(folder: Path, name: str, *, needs: str) -> tuple[bytes, bytes]:
    """Return the pair (public, secret) of NAME.key.

    Refused is a file that anyone but its owner may read. On Windows, whose files have no such bits, nothing
    of the kind is checked: keep the folder inside the user's own, which the system closes to others.
    """
    path = folder / f"{name}.key"
    with _reading(path, needs=needs), path.open("rb") as handle:
        mode = os.fstat(handle.fileno()).st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(
                f"wanted a secret that only its owner can read, found mode {stat.S_IMODE(mode):04o}; run "
                f"`chmod 600` on it, and make new keys if others may have read it: {path}"
            )
        table = _parse(handle.read(), path, name=name, wanted={"name", "public", "secret"})
    public, secret = table["public"].encode(), table["secret"].encode()
    if zmq.curve_public(secret) != public:
        raise ConfigError(f"wanted a public key that belongs to the secret, found another's: {path}")
    beside = folder / f"{name}.pub"
    if beside.exists() and _read_public(folder, name, needs=needs) != public:
        raise ConfigError(f"wanted the public key of {path.name}, found another's: {beside}")
    return public, secret


def _read_public(folder: Path, name: str, *, needs: str) -> bytes:
    """Return the public key in NAME.pub."""
    path = folder / f"{name}.pub"
    with _reading(path, needs=needs):
        content = path.read_bytes()
    return _parse(content, path, name=name, wanted={"name", "public"})["public"].encode()


@contextlib.contextmanager
def _reading(path: Path, *, needs: str) -> Iterator[None]:
    """Turn what the system says of a file into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise ConfigError(
            f"{needs} needs {path.name}, found none; copy it from where the keys were made, or make keys "
            f"with `mavfer keys new` (--add if the rig gained a recorder): {path}"
        ) from error
    except OSError as error:
        raise ConfigError(f"wanted a key file, could not read it ({error.strerror}): {path}") from error


def _parse(content: bytes, path: Path, *, name: str, wanted: set[str]) -> dict[str, str]:
    """Return a key file's table; no error shows what stands in it, which may be a secret."""
    doubt = f"copy it again from where the keys were made: {path}"
    try:
        table = tomllib.loads(content.decode())
    except ValueError as error:
        raise ConfigError(f"wanted a key file of `mavfer keys new`, found no TOML; {doubt}") from error
    if table.keys() != wanted or not all(isinstance(value, str) for value in table.values()):
        raise ConfigError(f"wanted the texts {', '.join(sorted(wanted))}, found other keys; {doubt}")
    if table["name"] != name:
        raise ConfigError(f"wanted the key of {name!r}, found that of {table['name']!r}; {doubt}")
    for key in wanted - {"name"}:
        if not _is_key(table[key]):
            raise ConfigError(
                f"{key}: wanted a CURVE key of {KEY_CHARACTERS} characters, found none; {doubt}"
            )
    return table


def _is_key(text: str) -> bool:
    if len(text) != KEY_CHARACTERS or not text.isascii():
        return False
    try:
        zmq.curve_public(text.encode())  # it decodes, whatever it is
    except zmq.ZMQError:
        return False
    return True
