"""Clocks: what this machine counts time with, and whether its time of day follows a server's."""

import ctypes
import time
from dataclasses import dataclass

from .asked import Asked
from .finding import Check, Finding
from .machine import Machine, Untold, system_install
from .windows import windows_facts

SOURCES = "/sys/devices/system/clocksource/clocksource0"
GOOD = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "xen")
COARSE_S = 1e-5
UNSYNCHRONIZED = 0x40
"""STA_UNSYNC of adjtimex(2)."""


@dataclass(frozen=True, slots=True)
class Synchronization:
    """Whether the time of day follows a server.

    Attributes
    ----------
    error_ms : how far it may be off, by its own account; None where that is not told
    """

    synchronized: bool
    error_ms: float | None = None


def check_source(current: str, available: tuple[str, ...], *, resolution_s: float) -> Finding:
    """Judge what Linux counts time with; every frame is stamped by it."""
    name = "clock source"
    resolution = f"steps of {resolution_s * 1e9:.0f} ns"
    if not current:
        state = "ok" if resolution_s <= COARSE_S else "warn"
        advice = "" if state == "ok" else "use a system whose clock steps by 10 microseconds or less"
        return Finding(name, state, resolution, "" if state == "ok" else "10000 ns or less", advice=advice)
    if current in GOOD:
        return Finding(name, "ok", f"{current}, {resolution}")
    better = next((one for one in GOOD if one in available), "")
    return Finding(
        name,
        "warn",
        f"{current}, which is slow to read; {resolution}",
        better or "tsc",
        mend=f"echo {better} | sudo tee {SOURCES}/current_clocksource" if better else "",
        advice="" if better else "the system found the processor's counter unsteady: `dmesg | grep -i tsc`",
    )


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2) as far as it is read, with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def read_synchronization(machine: Machine) -> Synchronization:
    """Return what the system's kernel or time service tells; nothing is changed and nobody is asked."""
    if machine.platform == "win32":
        told = windows_facts(machine)
        return Synchronization(told.time_running and told.time_sync not in ("", "NoSync"))
    if machine.platform != "linux":
        raise Untold(f"not read on {machine.platform}")
    asked = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked)) < 0:
        raise Untold(f"adjtimex failed with errno {ctypes.get_errno()}")
    return Synchronization(not asked.status & UNSYNCHRONIZED, asked.maxerror / 1e3)


def check_synchronization(found: Synchronization, *, machine: Machine) -> Finding:
    """Judge whether the time of day follows a server."""
    name = "time of day"
    if found.synchronized:
        error = "" if found.error_ms is None else f", to {found.error_ms:.0f} ms at worst"
        return Finding(name, "ok", f"follows a server{error}")
    if machine.platform == "win32":
        mend = "Set-Service w32time -StartupType Automatic; Start-Service w32time; w32tm /resync"
    elif machine.path("/run/systemd/system").is_dir():
        mend = "sudo timedatectl set-ntp true"
    else:
        mend = system_install(machine, "chrony")
    return Finding(
        name,
        "warn",
        "follows no server",
        "one, so that sessions of several machines bear the right date",
        mend=mend,
        advice="" if mend else "install a time service such as chrony",
    )


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: the clock source, and whether the time of day is right."""
    machine = asked.machine

    def source() -> Finding:
        resolution_s = time.get_clock_info("monotonic").resolution
        current = machine.text(f"{SOURCES}/current_clocksource")
        available = machine.words(f"{SOURCES}/available_clocksource")
        return check_source(current, available, resolution_s=resolution_s)

    def synchronization() -> Finding:
        return check_synchronization(read_synchronization(machine), machine=machine)

    return [Check("clock source", source), Check("time of day", synchronization)]
