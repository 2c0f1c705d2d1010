"""The wheel and the source archive, built once from the files that git knows or would take in."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2

import pytest

import mavfer

ROOT = Path(mavfer.__file__).resolve().parent


@dataclass(frozen=True)
class Release:
    """What `python -m build` makes of a fresh copy.

    Attributes
    ----------
    sources : paths of the copy, with "/" between their parts
    archive : the source archive
    wheel : made from the source archive
    direct : the wheel made from the copy itself
    """

    sources: frozenset[str]
    archive: Path
    wheel: Path
    direct: Path


def build(source: Path, out: Path, *options: str) -> None:
    """Build with what is installed: nothing is fetched."""
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), *options, str(source)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return what is built of the repository as it stands."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    copy = tmp_path_factory.mktemp("source")
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        copy2(ROOT / name, copy / name)
    build(copy, copy / "dist")
    build(copy, copy / "direct", "--wheel")
    return Release(
        frozenset(names),
        next((copy / "dist").glob("*.tar.gz")),
        next((copy / "dist").glob("*.whl")),
        next((copy / "direct").glob("*.whl")),
    )
