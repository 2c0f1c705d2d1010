"""What cameras are reached through: drivers of the Kinect v2, GenTL producers, and what builds one.

What is said of Windows is read from the drivers' own documentation and was never run there.
"""

import os
import shlex
import shutil
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import CameraError
from .asked import Asked
from .finding import Check, Finding, State
from .machine import Machine, Untold, load, system_install, this_python
from .packages import version_of

KINECT, A65 = "kinect_v2", "flir_a65"
SDK = "install Microsoft's Kinect for Windows SDK 2.0"
GUIDE = "docs/hardware.md says how to build libfreenect2 and pylibfreenect2"
BINDING = "from mavfer.capture.kinect_v2.freenect2_binding import load_binding as load, binding_version as v"
VENDOR = (
    "install Teledyne Spinnaker or Pleora eBUS, and name its file with the key cti of the rig file or in "
    "MAVFER_GENTL_CTI"
)


@dataclass(frozen=True, slots=True)
class KinectDrivers:
    """Which drivers of the Kinect v2 a machine has.

    Attributes
    ----------
    loaded : "kinect-next 3.0.0" and the like, best first
    broken : why one that is installed cannot be used, one line each
    """

    loaded: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Producers:
    """Which GenTL producers are found, and what a build of mavfer's own lacks.

    Attributes
    ----------
    found : file names and who named them, best first; `mavfer rig check` has their folders
    own_only : whether mavfer's own is the only one
    problem : why there is none
    tools : version of aravis where a compiler and its headers are there, "" otherwise
    lacks : why mavfer's own cannot be built, ""
    """

    found: tuple[str, ...] = ()
    own_only: bool = False
    problem: str = ""
    tools: str = ""
    lacks: str = ""


def read_kinect_drivers(machine: Machine) -> KinectDrivers:
    """Return which drivers of the Kinect v2 there are on this machine."""
    loaded, broken = [], []
    if machine.platform == "win32":
        sdk = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "Kinect20.dll"
        for name in ("kinect-next", "pykinect2024"):
            version = version_of(name)
            if version is not None and sdk.is_file():
                loaded.append(f"{name} {version}")
            elif version is not None:
                broken.append(f"{name} {version} without Kinect20.dll of the SDK")
    if find_spec("pylibfreenect2") is not None:
        try:  # in a process of its own: a library that was built for another machine may end it
            version = machine.run(["-c", f"{BINDING}; load(); print(v())"], python=True).strip()
            loaded.append(f"pylibfreenect2 {version}")
        except Untold as why:
            broken.append(f"pylibfreenect2: {why}")
    return KinectDrivers(tuple(loaded), tuple(broken))


def check_kinect_drivers(found: KinectDrivers, *, platform: str, absent: State) -> Finding:
    """Judge the drivers of the Kinect v2; `absent` is the state of a machine without any."""
    name = "Kinect v2 driver"
    if found.loaded:
        return Finding(name, "ok", ", ".join(found.loaded))
    mend, advice = "", GUIDE
    if platform == "win32":
        mend, advice = f"{this_python()} -m pip install kinect-next pykinect2024", SDK
        if found.broken:  # packages are there
            mend = ""
    wanted = "kinect-next, pykinect2024 or libfreenect2" if platform == "win32" else "pylibfreenect2"
    if found.broken:
        state: State = "warn" if absent == "not needed" else absent
        return Finding(name, state, "; ".join(found.broken), wanted, mend, advice)
    return Finding(name, absent, "none is installed", wanted, mend, advice)


def read_producers(machine: Machine, cti: str | None) -> Producers:
    """Return the GenTL producers that a recorder would try, and whether mavfer's own can be built."""
    module, build = load(".capture.producers"), load(".capture.gentl.build")
    tools = lacks = ""
    if machine.platform == "linux":
        try:
            tools = _build_tools(build, machine)
        except (CameraError, Untold) as why:
            lacks = str(why).partition(";")[0]
    try:
        found = module.find_producers(cti)
    except CameraError as error:
        return Producers(problem=str(error).partition("; install")[0], tools=tools, lacks=lacks)
    own_only = {one.path.name for one in found} == {build.CTI_NAME}
    return Producers(
        tuple(f"{one.path.name} ({one.source})" for one in found), own_only, tools=tools, lacks=lacks
    )


def _build_tools(build: Any, machine: Machine) -> str:
    """Return the version of aravis that mavfer's producer would be compiled against."""
    try:
        said = shlex.split(os.environ.get("CC", ""))[:1]
    except ValueError as error:
        raise Untold(f"CC cannot be read ({error})") from error
    compiler = next(filter(shutil.which, said or ("gcc", "cc", "clang")), None)
    if compiler is None:
        raise Untold("no C compiler")
    build.compile_command((), compiler=[compiler], flags=())
    return machine.run(["pkg-config", "--modversion", build.ARAVIS]).strip()


def check_producers(found: Producers, *, machine: Machine, absent: State) -> list[Finding]:
    """Judge the GenTL producers; `absent` is the state of a machine without any."""
    linux = machine.platform == "linux"
    build = system_install(machine, "gcc", "pkg-config", "libaravis-dev", "libusb-1.0-0-dev")
    can_build = bool(found.tools)
    findings = []
    if found.own_only and absent in ("warn", "fail"):
        findings.append(
            Finding(
                "GenTL producer",
                "warn",
                f"{found.found[0]}, which no real A65 has tried",
                "a vendor's",
                advice=VENDOR,
            )
        )
    elif found.found:
        findings.append(Finding("GenTL producer", "ok", "; ".join(found.found)))
    else:
        mend = "mavfer gentl build" if linux else ""
        if linux and not can_build and build:
            mend = f"{build}\n{mend}"
        findings.append(
            Finding("GenTL producer", absent, found.problem, "a .cti file", mend=mend, advice=VENDOR)
        )
    if not linux:
        return findings
    if can_build:
        findings.append(Finding("gentl build", "ok", f"a C compiler and aravis {found.tools} are there"))
    else:
        needed = "not needed" if found.found or absent == "not needed" else "warn"
        findings.append(
            Finding(
                "gentl build",
                needed,
                found.lacks or "a compiler and aravis could not be found",
                "a C compiler, pkg-config and aravis 0.8",
                mend=build,
                advice="" if build else "install gcc, pkg-config, and aravis 0.8 with its headers",
            )
        )
    return findings


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: drivers and producers."""
    machine = asked.machine

    def kinect() -> Finding:
        found = read_kinect_drivers(machine)
        return check_kinect_drivers(found, platform=machine.platform, absent=asked.absent(KINECT))

    def producers(cti: str | None) -> list[Finding]:
        found = read_producers(machine, cti)
        return check_producers(found, machine=machine, absent=asked.absent(A65))

    return [
        Check("Kinect v2 driver", kinect),
        *(Check("GenTL producer", partial(producers, cti)) for cti in asked.cti or (None,)),
    ]
