"""The machine that the cameras are plugged into: what of it bears on them, and none of its names."""

import contextlib
import os
import platform
import socket
import time
from typing import Any

from ..recorder_settings import RecorderSettings
from ..rig import Rig
from ..software import software_versions

MUCH_BUFFER = 256 * 2**20


def is_here(settings: RecorderSettings) -> bool:
    """Whether a recorder's host is this machine: one of its addresses, or a name of one."""
    try:
        found = socket.getaddrinfo(settings.host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    for family, kind, proto, _, address in found:
        with contextlib.suppress(OSError), socket.socket(family, kind, proto) as one:
            one.bind(address)  # only an own address can be bound
            return True
    return False


def recorders_here(rig: Rig) -> tuple[str, ...]:
    """Return the recorders of a rig whose cameras are plugged into this machine."""
    return tuple(name for name, settings in rig.recorders.items() if is_here(settings))


def machine_facts() -> dict[str, Any]:
    """Return system, cores, memory, network cards and software, as JSON holds them.

    The names of network cards are the system's ("eth0", "Ethernet 2").
    """
    facts: dict[str, Any] = {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 0,
        "software": software_versions(),
        "receive_buffer_bytes": receive_buffer_bytes(),
    }
    try:
        import psutil
    except ImportError:  # it comes with the extra `record`
        return facts
    cards = psutil.net_if_stats()
    facts["memory_bytes"] = psutil.virtual_memory().total
    facts["network"] = [
        {"card": name, "up": card.isup, "mtu_bytes": card.mtu, "speed_mbit_per_s": card.speed}
        for name, card in sorted(cards.items())
    ]
    return facts


def cpu_s() -> float:
    """Return the processor time of this process and of those that its cameras have started, seconds."""
    own_s = time.process_time()
    try:
        import psutil
    except ImportError:
        return own_s
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            own_s += times.user + times.system
    return own_s


def receive_buffer_bytes() -> int:
    """Return the largest receive buffer that a program of this user may have for a UDP socket.

    A GigE camera's packets that find it full are lost. Linux grants `net.core.rmem_max` and shows twice of it
    (man 7 socket).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MUCH_BUFFER)
        granted = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if platform.system() == "Linux" else granted
