"""Compile the project's own GenTL producer with the machine's C compiler, once per version of its sources.

The sources (the .c and .h files beside this one) ship with mavfer; what they are compiled against does not:
libaravis 0.8 (LGPL, linked dynamically) comes from the Linux distribution.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ... import __version__
from ...errors import CameraError
from ...output import new_file

SOURCES = Path(__file__).parent
CTI_NAME = "mavfer_gentl.cti"
ADDRESS_VARIABLE = "MAVFER_GENTL_ADDRESS"
"""Addresses of cameras, with spaces between: each of them is asked by itself, and nothing is broadcast."""
RESEND_VARIABLE = "MAVFER_GENTL_RESEND"
"""0: lost packets are not asked for again, unless the stream's node StreamPacketResendEnable says so."""
ARAVIS = "aravis-0.8"
OLDEST_ARAVIS = "0.8.20"
"""Ubuntu 22.04's; Debian 12 has 0.8.26."""
PACKAGES = "gcc pkg-config libaravis-dev libusb-1.0-0-dev"
"""Names in Debian and Ubuntu. libusb is one of aravis' own needs, which its package forgets to ask for."""
INSTALL = f"install what it takes: sudo apt install {PACKAGES}"
FLAGS = (
    *("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra"),
    *("-Wl,-z,nodelete", "-Wl,-z,defs"),  # GLib's types do not survive being unloaded
)
WINDOWS_PRODUCERS = (
    "Teledyne Spinnaker (cti64/vs2015/Spinnaker_GenTL_v140.cti in its folder) or Pleora eBUS; "
    "name its .cti file in cti = of the rig file or in MAVFER_GENTL_CTI"
)


def build_producer(out: Path | None = None) -> Path:
    """Return the absolute path of the compiled producer, compiling it where it is not there yet (2 to 5 s).

    Parameters
    ----------
    out : folder for mavfer_gentl.cti, compiled anew; the user's cache if not said

    Raises
    ------
    CameraError
        Not Linux, or a compiler, pkg-config or aravis is missing, or the sources do not compile.
    OutputError
        The folder cannot be written.
    """
    require_linux()
    if out is None and (there := built_producer()) is not None:
        return there
    target = _cached() if out is None else (out / CTI_NAME).absolute()
    command = compile_command(compiler=_compiler(), flags=FLAGS)
    with new_file(target, overwrite=True) as temporary:
        compile_to(temporary, command)
    return target


def built_producer() -> Path | None:
    """Return the compiled producer of this version and these sources from the user's cache, None without."""
    if sys.platform != "linux":
        return None
    cached = _cached()
    return cached if cached.is_file() else None


def outdated_producer() -> bool:
    """Whether the user's cache has producers of other versions or other sources alone."""
    if sys.platform != "linux" or built_producer() is not None:
        return False
    return any(_cached().parent.parent.glob(f"*/{CTI_NAME}"))


def require_linux() -> None:
    """Raise CameraError where aravis is not to be had."""
    if sys.platform != "linux":
        raise CameraError(
            f"the project's own GenTL producer is for Linux, this is {sys.platform}; use a vendor's: "
            f"{WINDOWS_PRODUCERS}"
        )


def compile_command(
    sources: Sequence[Path] | None = None, *, compiler: Sequence[str], flags: Sequence[str]
) -> list[str]:
    """Return the command that compiles all sources, or these, but for `-o` and its file.

    Raises
    ------
    CameraError
        pkg-config does not find aravis, or one that is too old.
    """
    options = _pkg_config("--cflags", "--libs", f"{ARAVIS} >= {OLDEST_ARAVIS}")
    files = map(str, sorted(SOURCES.glob("*.c")) if sources is None else sources)
    return [*compiler, *flags, f'-DMAVFER_VERSION="{__version__}"', *files, *options, "-ldl"]


def compile_to(file: Path, command: Sequence[str]) -> None:
    """Run a compile command; raises CameraError with the compiler's first error."""
    done = subprocess.run([*command, "-o", str(file)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise CameraError(
            f"the GenTL producer does not compile ({said[0] if said else 'the compiler says nothing'}); "
            f"{INSTALL}"
        )


def _compiler() -> list[str]:
    """Return the words that call the C compiler: $CC, which may say `ccache gcc`, or gcc, cc, clang."""
    said = os.environ.get("CC", "")
    try:
        wanted = shlex.split(said)
    except ValueError as error:
        raise CameraError(
            f"wanted a C compiler in CC, found {said!r} ({error}); correct or unset CC, or {INSTALL}"
        ) from error
    for name in wanted[:1] or ("gcc", "cc", "clang"):
        if (found := shutil.which(name)) is not None:
            return [found, *wanted[1:]]
    missing = f"no {wanted[0]!r}, which CC names" if wanted else "neither gcc, cc nor clang"
    raise CameraError(f"wanted a C compiler, found {missing}; {INSTALL}")


def _pkg_config(*words: str) -> list[str]:
    program = shutil.which("pkg-config") or shutil.which("pkgconf")
    if program is None:
        raise CameraError(f"wanted pkg-config, which says where aravis is, found none; {INSTALL}")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CameraError(
            f"wanted aravis {OLDEST_ARAVIS} or a later 0.8 with its headers; pkg-config says: "
            f"{said[-1] if said else 'nothing'}; {INSTALL}"
        )
    return shlex.split(done.stdout)


def _cached() -> Path:
    """Return where the producer of this version, these sources and these flags is or will be."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for source in sorted([*SOURCES.glob("*.c"), *SOURCES.glob("*.h")]):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return cache / "mavfer" / "gentl" / f"{__version__}-{digest.hexdigest()[:16]}" / CTI_NAME
