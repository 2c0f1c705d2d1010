"""What the doctor is asked: what the machine is for, and what a rig file says that it has to reach."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .finding import State, Use
from .machine import Machine, load

MASTER_PORTS = 4
"""capture/rig.py's MasterSettings: commands, pings, status and previews, files."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the doctor is asked.

    Attributes
    ----------
    use : what the machine is for
    at : the folder whose disk is looked at
    machine : where facts are read
    asks_cameras : whether GenTL producers may be asked for their cameras, which may be a broadcast
    kinds : cameras of the recorders that a rig file places on this machine; None without a rig file
    addresses : of FLIR cameras, as the rig file has them
    cti : producers that the rig file names
    elsewhere : hosts of the recorders on other machines, and of the master if that is another
    master : host and first port that the master binds on this machine, None where it takes free ones
    reserve_mb : what a take leaves free
    """

    use: Use = "all"
    at: Path = field(default_factory=Path)
    machine: Machine = field(default_factory=Machine)
    asks_cameras: bool = False
    kinds: tuple[str, ...] | None = None
    addresses: tuple[str, ...] = ()
    cti: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    master: tuple[str, int] | None = None
    reserve_mb: int = 1024

    def wants(self, kind: str) -> bool:
        """Whether the machine has to reach a camera of a kind, as far as anybody has said."""
        return self.use == "record" if self.kinds is None else kind in self.kinds

    def absent(self, kind: str) -> State:
        """Return how bad it is that something is absent without which no camera of a kind is reached.

        A rig file that has such a camera cannot be recorded; without one, a simulated rig still can.
        """
        if not self.wants(kind):
            return "not needed"
        return "warn" if self.kinds is None else "fail"

    def count(self, kind: str) -> int:
        """Return how many cameras of a kind the rig file has on this machine."""
        return sum(one == kind for one in self.kinds or ())


def ask(*, use: Use, at: Path, rig: Path | None, asks_cameras: bool, wait_s: float) -> Asked:
    """Return what is asked, with what the rig file adds.

    Raises
    ------
    ConfigError
        The rig file cannot be read.
    """
    machine = Machine(wait_s=wait_s)
    if rig is None:
        return Asked(use=use, at=at, machine=machine, asks_cameras=asks_cameras)
    settings = load(".capture.rig").read_rig(rig)
    master = settings.master
    hosts = {one.host: one for one in (*settings.recorders.values(), *((master,) if master else ()))}
    own = _own_hosts(hosts, within_s=wait_s / 2)
    here = [one for one in settings.recorders.values() if one.host in own]
    away = [one.host for one in settings.recorders.values() if one.host not in own]
    flirs = [one.flir_a65 for one in here if one.flir_a65 is not None]
    masters_here = master is not None and master.host in own
    if master is not None and not masters_here:
        away.append(master.host)
    return Asked(
        use=use,
        at=at,
        machine=machine,
        asks_cameras=asks_cameras,
        kinds=tuple(one.camera for one in here),
        addresses=_said(flir.address for flir in flirs),
        cti=_said(flir.cti for flir in flirs),
        elsewhere=tuple(dict.fromkeys(away)),
        master=(master.host, master.port) if master is not None and masters_here else None,
        reserve_mb=settings.reserve_mb,
    )


def _own_hosts(hosts: Mapping[str, Any], *, within_s: float) -> frozenset[str]:
    """Return which hosts are this machine; one whose name server does not answer in time is none."""
    is_here = load(".capture.hardware.machine").is_here
    answers: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    for host, settings in hosts.items():
        ask_one = partial(lambda host, settings: answers.put((host, is_here(settings))), host, settings)
        threading.Thread(target=ask_one, daemon=True).start()
    end_s = time.monotonic() + within_s
    own = set()
    with contextlib.suppress(queue.Empty):
        for _ in hosts:
            host, answer = answers.get(timeout=max(0.0, end_s - time.monotonic()))
            if answer:
                own.add(host)
    return frozenset(own)


def _said(words: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))
