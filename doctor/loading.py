"""Whether packages that bring compiled code load on this machine: a library of the system may be missing.

They are loaded one after the other in a process of its own, which a broken one may end.
"""

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from .asked import Asked
from .finding import Check, Finding
from .machine import Machine, Untold, system_install, this_python

MODULES = {
    "numpy": "numpy",
    "cv2": "opencv-python-headless",
    "h5py": "h5py",
    "blosc2": "blosc2",
    "simplejpeg": "simplejpeg",
    "zmq": "pyzmq",
    "dlib": "dlib-bin",
    "genicam.gentl": "genicam",
}
"""Module -> the distribution that brings it. PyAV and torch are loaded by those who ask them more."""
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libstdc++.so.6": "libstdc++6",
    "libatomic.so.1": "libatomic1",
}
"""What an error names -> the package in Debian and Ubuntu."""
SCRIPT = """
import importlib, sys
for name in sys.argv[1:]:
    print("begun", name, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print("broken", name, type(error).__name__ + ":", *str(error).split(), flush=True)
    else:
        print("loaded", name, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Loading:
    """What became of the modules.

    Attributes
    ----------
    loaded : those that did
    broken : (module, why) of those that did not
    """

    loaded: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()


def read_loading(modules: tuple[str, ...], *, timeout_s: float) -> Loading:
    """Return what became of modules that a new process loads; of those that time is too short for, nothing.

    Raises
    ------
    Untold
        No process could be started, or it loaded nothing in time.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", SCRIPT, *modules],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
        text, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        text, status = late.stdout or b"", None
    except OSError as error:
        raise Untold(f"Python cannot be started: {error.strerror or error}") from error
    found = parse_loading(text.decode(errors="replace"), status=status)
    if not (found.loaded or found.broken):
        raise Untold(f"nothing loaded within {timeout_s:g} s")
    return found


def parse_loading(text: str, *, status: int | None) -> Loading:
    """Return what the process printed; `status` is how it ended, None where it was cut off."""
    loaded, broken, begun = [], [], ""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        name, _, why = rest.partition(" ")
        if kind == "begun":
            begun = name
        elif kind == "loaded":
            loaded.append(name)
            begun = ""
        elif kind == "broken":
            broken.append((name, why))
            begun = ""
    if begun and status:  # it ended the process
        broken.append(
            (begun, f"it ends Python with {f'signal {-status}' if status < 0 else f'status {status}'}")
        )
    return Loading(tuple(loaded), tuple(broken))


def check_loading(found: Loading, *, n_wanted: int, machine: Machine) -> list[Finding]:
    """Judge which packages load."""
    name = "compiled packages"
    findings = []
    for module, why in found.broken:
        mend, advice = f"{this_python()} -m pip install --force-reinstall {MODULES.get(module, module)}", ""
        for library, package in LIBRARIES.items():
            if library in why and (command := system_install(machine, package)):
                mend = command
        if machine.platform == "win32" and "DLL load failed" in why:
            advice = "or install Microsoft's Visual C++ Redistributable"
        findings.append(Finding(f"package {module}", "fail", why, "a package that loads", mend, advice))
    n_left = n_wanted - len(found.loaded) - len(found.broken)
    left = f"; time was too short for {n_left} more" if n_left and not found.broken else ""
    if found.loaded:
        findings.insert(0, Finding(name, "ok", f"{len(found.loaded)} load{left}"))
    return findings


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: the installed packages with compiled code."""

    def look() -> list[Finding]:
        modules = tuple(name for name in MODULES if find_spec(name.partition(".")[0]) is not None)
        return check_loading(
            read_loading(modules, timeout_s=asked.machine.wait_s),
            n_wanted=len(modules),
            machine=asked.machine,
        )

    return [Check("compiled packages", look)]
