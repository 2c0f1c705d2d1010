"""Which software made a recording: versions, and the revision of a checkout."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "pyzmq",
    "mcap",
    "blosc2",
    "simplejpeg",
    "harvesters",
    "genicam",
)


@cache
def software_versions() -> dict[str, str]:
    """Return names and versions; "git" is the revision where mavfer runs from a checkout, "+" if changed."""
    found = {"mavfer": __version__, "python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    revision = _git_revision()
    return found | ({"git": revision} if revision else {})


def _git_revision() -> str:
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return ""
    words = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12", "--match="]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
