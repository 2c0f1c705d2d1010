"""The processor: cores, memory, instructions, and whether it is let run at full speed."""

import ctypes
import os
import platform
import sys
from dataclasses import dataclass

from .asked import Asked
from .finding import Check, Finding, Use
from .machine import Machine, Untold, pairs
from .windows import windows_facts

CORES: dict[Use, int] = {"record": 4, "build": 2, "train": 4, "all": 2, "rate": 1}
MEMORY_GIB: dict[Use, float] = {"record": 8, "build": 8, "train": 8, "all": 8, "rate": 2}
GOVERNOR = "/sys/devices/system/cpu/cpu0/cpufreq"
EASY = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Drivers whose "powersave" still goes to full speed under load."""
AVX2_AVAILABLE = 40
"""PF_AVX2_INSTRUCTIONS_AVAILABLE of IsProcessorFeaturePresent."""
X86 = ("x86_64", "amd64")


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes; `available_bytes` None where it is not told, `limited` where a container gets less."""

    total_bytes: int
    available_bytes: int | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the processor can, of what packages are compiled for and bf16 is computed with."""

    machine: str
    flags: frozenset[str]


def check_cores(n_cores: int, *, use: Use) -> Finding:
    """Judge how many processor cores this program may use."""
    wanted = CORES[use]
    found = f"{n_cores} core{'s' * (n_cores != 1)}"
    if n_cores >= wanted:
        return Finding("processor", "ok", found)
    what = "frames may be dropped while others work" if use == "record" else "it will take its time"
    advice = f"close other programs, or use a larger machine: {what}"
    return Finding("processor", "warn", found, f"{wanted} or more", advice=advice)


def read_memory(machine: Machine) -> Memory:
    """Return this machine's memory, or its container's."""
    if machine.platform == "win32":
        return _windows_memory()
    lines = pairs(machine.text("/proc/meminfo"), ":")
    if sys.platform != "win32" and "MemTotal" not in lines:
        return Memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    total, available = (int(lines.get(key, "0").split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    limits = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    limit = min((n for n in map(machine.number, limits) if n is not None), default=total)
    return Memory(min(total, limit), min(available, limit), limit < total)


def _windows_memory() -> Memory:
    class Status(ctypes.Structure):  # MEMORYSTATUSEX
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("available", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),
        )

    status = Status(length=ctypes.sizeof(Status))
    if sys.platform != "win32" or not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise Untold("the system did not tell")
    return Memory(status.total, status.available)


def check_memory(memory: Memory, *, use: Use) -> Finding:
    """Judge the memory."""
    gib = memory.total_bytes / 2**30
    found = f"{gib:.1f} GiB{' of this container' if memory.limited else ''}"
    if memory.available_bytes is not None:
        found += f", {memory.available_bytes / 2**30:.1f} free"
    if gib >= MEMORY_GIB[use] * 0.9:  # what firmware and graphics keep is not told
        return Finding("memory", "ok", found)
    advice = "close other programs, add memory, or raise the container's limit"
    return Finding("memory", "warn", found, f"{MEMORY_GIB[use]:g} GiB or more", advice=advice)


def read_instructions(machine: Machine) -> Instructions:
    """Return the processor's kind and instructions."""
    kind = platform.machine().lower()
    if sys.platform == "win32":
        avx2 = ctypes.windll.kernel32.IsProcessorFeaturePresent(AVX2_AVAILABLE)
        return Instructions(kind, frozenset({"avx2"} if avx2 else ()))
    for line in machine.text("/proc/cpuinfo").splitlines():
        if line.startswith(("flags", "Features")):
            return Instructions(kind, frozenset(line.partition(":")[2].split()))
    raise Untold("the system lists no instructions")


def check_instructions(found: Instructions) -> list[Finding]:
    """Judge the instructions: AVX2, and bf16 in hardware."""
    avx = [flag for flag in ("avx2", "avx512f") if flag in found.flags]
    if found.machine not in X86:
        first = Finding("AVX2", "not needed", f"a processor of another kind: {found.machine}")
    elif avx:
        first = Finding("AVX2", "ok", ", ".join(avx))
    else:
        advice = 'in a virtual machine, hand on the host\'s processor ("host"); else everything is slower'
        first = Finding("AVX2", "warn", "the processor shows none", "avx2", advice=advice)
    bf16 = sorted(found.flags & {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"})
    if bf16:
        return [first, Finding("bf16 on the processor", "ok", f"in hardware ({', '.join(bf16)})")]
    found_bf16 = "computed by other instructions, slower than fp32: leave --precision at fp32"
    return [first, Finding("bf16 on the processor", "not needed", found_bf16)]


def check_governor(governor: str, driver: str, *, recording: bool) -> Finding:
    """Judge Linux' frequency governor; `recording` says that frames must not wait for the processor."""
    name = "frequency governor"
    if not governor:
        return Finding(name, "not needed", "not this system's to set, as in a virtual machine")
    found = f"{governor} ({driver})" if driver else governor
    if governor != "powersave" or driver in EASY or not recording:
        return Finding(name, "ok", found)
    return Finding(
        name,
        "warn",
        found,
        "performance or schedutil",
        mend="echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    )


def check_power_plan(plan: str, *, recording: bool) -> Finding:
    """Judge Windows' power plan: on savings, USB ports and network cards are put to sleep."""
    if not recording or plan in ("high performance", "ultimate performance"):
        return Finding("power plan", "ok", plan or "not told")
    return Finding(
        "power plan", "warn", plan or "not told", "high performance", mend="powercfg /setactive SCHEME_MIN"
    )


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: cores, memory, instructions and power."""
    machine, use = asked.machine, asked.use
    recording = use == "record" or bool(asked.kinds)

    def cores() -> Finding:
        allowed = getattr(os, "sched_getaffinity", None)
        return check_cores(len(allowed(0)) if allowed else os.cpu_count() or 1, use=use)

    def power() -> Finding:
        if machine.platform == "win32":
            return check_power_plan(windows_facts(machine).power, recording=recording)
        if machine.platform == "darwin":
            return Finding(
                "power", "not needed", machine.run(["pmset", "-g", "batt"]).splitlines()[0].strip()
            )
        return check_governor(
            machine.text(f"{GOVERNOR}/scaling_governor"),
            machine.text(f"{GOVERNOR}/scaling_driver"),
            recording=recording,
        )

    return [
        Check("processor", cores),
        Check("memory", lambda: check_memory(read_memory(machine), use=use)),
        Check("instructions", lambda: check_instructions(read_instructions(machine))),
        Check("power", power),
    ]
