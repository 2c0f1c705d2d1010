"""Ports that mavfer listens at by default, or by a rig file: free, or who has them."""

import errno
import socket
from collections.abc import Callable

from .asked import MASTER_PORTS, Asked
from .finding import Check, Finding
from .machine import Machine, load

STUDY_PORT = 8765
"""annotate/commands/annotate.py's PORT."""
LISTENING = "0A"


def is_free(host: str, port: int) -> bool | None:
    """Return whether a program could listen at a port now; None where the address is not this machine's."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as one:
            exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets two bind otherwise
            one.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
            try:
                one.bind(address)
                one.listen(1)
            except OSError as error:
                return None if error.errno == errno.EADDRNOTAVAIL else False
    except (OSError, UnicodeError):
        return None
    return True


def holder(machine: Machine, port: int) -> str:
    """Return which program listens at a port as Linux lists it: "python3 (1234)"; "" where it is not told."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        for line in machine.text(f"/proc/net/{name}").splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    if not inodes:
        return ""
    for folder in machine.path("/proc").glob("[0-9]*"):
        try:
            if any(str(one.readlink()) in inodes for one in (folder / "fd").iterdir()):
                return f"{machine.text(f'/proc/{folder.name}/comm')} ({folder.name})"
        except OSError:  # another user's, or gone
            continue
    return ""


def check_ports(
    name: str,
    host: str,
    ports: range,
    *,
    used: Callable[[str, int], bool | None],
    holder: Callable[[int], str],
    platform: str,
    needed: bool,
    advice: str,
) -> Finding:
    """Judge a range of ports.

    Parameters
    ----------
    used : whether a port is taken; None where the host is no address of this machine
    holder : which program has a port, "" where it is not told
    needed : whether a command fails without just these ports
    """
    span = f"{ports[0]}" if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    answers = {port: used(host, port) for port in ports}
    if None in answers.values():
        return Finding(
            name,
            "fail" if needed else "unknown",
            f"{host} is no address of this machine",
            "one that is",
            advice="set host in [master] of the rig file to this machine's address",
        )
    taken = [port for port, answer in answers.items() if answer]
    if not taken:
        return Finding(name, "ok", f"{span} free at {host}")
    who = "; ".join(f"{port}{f' by {told}' if (told := holder(port)) else ''}" for port in taken)
    port = taken[0]
    mend = f"Get-NetTCPConnection -State Listen -LocalPort {port}"
    if platform != "win32":
        mend = f"ss -ltnp 'sport = :{port}'" if platform == "linux" else f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
    return Finding(name, "fail" if needed else "warn", f"taken: {who}", f"{span} free", mend, advice)


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: the master's ports and that of the study's pages."""
    machine = asked.machine

    def used(host: str, port: int) -> bool | None:
        free = is_free(host, port)
        return None if free is None else not free

    def master() -> Finding:
        host, first = asked.master or ("127.0.0.1", 0)
        if asked.master is None:
            first = load(".capture.rig").MasterSettings.model_fields["port"].default
        return check_ports(
            "ports of the master",
            host,
            range(first, first + MASTER_PORTS),
            used=used,
            holder=lambda port: holder(machine, port),
            platform=machine.platform,
            needed=asked.master is not None,
            advice="end what the command shows, or set port in [master] of the rig file",
        )

    def study() -> Finding:
        return check_ports(
            "port of the study",
            "127.0.0.1",
            range(STUDY_PORT, STUDY_PORT + 1),
            used=used,
            holder=lambda port: holder(machine, port),
            platform=machine.platform,
            needed=False,
            advice="end what the command shows, or run `mavfer annotate STUDY --port 0`",
        )

    recording = Check("ports of the master", master)
    rating = Check("port of the study", study)
    return [recording] * (asked.use in ("record", "all")) + [rating] * (asked.use in ("rate", "all"))
