"""Compile pylibfreenect2 0.1.4, as its authors publish it, over the stand-in library of this folder.

The published source builds with Cython before 3 only, and wants pkg_resources; both are fetched for it alone,
beside it. Nothing is installed into the environment of the tests.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

SOURCES = Path(__file__).parent
BINDING = "pylibfreenect2==0.1.4"
TOOLS = ("cython==0.29.37", "setuptools==80.9.0", "wheel==0.45.1")
HEADERS = (
    "frame_listener.hpp",
    "frame_listener_impl.h",
    "libfreenect2.hpp",
    "logger.h",
    "packet_pipeline.h",
    "registration.h",
)
"""What the binding includes; the stand-in has them all in one."""


@dataclass(frozen=True)
class Built:
    """Where the parts are.

    Attributes
    ----------
    library : the stand-in for libfreenect2
    paths : folders for `sys.path`, with the binding and with what it imports
    """

    library: Path
    paths: tuple[Path, ...]


def build(cache: Path) -> Built:
    """Return the binding and its library, from `cache` where they were built before.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        There is no compiler, or the registry cannot be reached; what was said is in `stderr`.
    """
    content = b"".join((SOURCES / name).read_bytes() for name in ("build.py", "stand_in.cpp", "stand_in.hpp"))
    folder = cache / f"{sys.implementation.cache_tag}-{sha256(content).hexdigest()[:16]}"
    prefix, tools, site = folder / "prefix", folder / "tools", folder / "site"
    built = Built(prefix / "lib" / "libfreenect2.so", (site, tools))
    done = folder / "done"
    if done.exists():
        return built
    _write_headers(prefix / "include" / "libfreenect2")
    built.library.parent.mkdir(parents=True, exist_ok=True)
    compiler = ("g++", "-std=c++14", "-O1", "-shared", "-fPIC", "-I", prefix / "include")
    _run(*compiler, "-o", built.library, SOURCES / "stand_in.cpp")
    _pip("--target", tools, *TOOLS)
    from_source = ("--no-build-isolation", "--no-binary", ":all:", "--no-cache-dir")  # each finds its library
    _pip(*from_source, "--target", site, BINDING, tools=tools, prefix=prefix)
    shutil.rmtree(site / "tests", ignore_errors=True)  # a package would hide our folder of the name
    done.touch()
    return built


def _write_headers(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stand_in.hpp").write_bytes((SOURCES / "stand_in.hpp").read_bytes())
    for name in HEADERS:
        (folder / name).write_text('#include "libfreenect2/stand_in.hpp"\n')
    with_pipelines = (f"#define LIBFREENECT2_WITH_{kind}_SUPPORT\n" for kind in ("OPENGL", "OPENCL"))
    (folder / "config.h").write_text("".join(with_pipelines))


def _pip(*words: object, tools: Path | None = None, prefix: Path | None = None) -> None:
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    if tools is not None and prefix is not None:
        environment |= {
            "PYTHONPATH": str(tools),
            "LIBFREENECT2_INSTALL_PREFIX": str(prefix),
            "LDFLAGS": f"-Wl,-rpath,{prefix / 'lib'}",
        }
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    _run(*pip, "--upgrade", *words, environment=environment)


def _run(*words: object, environment: dict[str, str] | None = None) -> None:
    command = [str(word) for word in words]
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=240)
