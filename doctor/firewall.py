"""Who lets others in: the firewall, and the names of the rig's other machines."""

import os
import socket
from functools import partial

from .asked import MASTER_PORTS, Asked
from .finding import Check, Finding
from .machine import Machine, this_python
from .network import camera_cards
from .windows import windows_facts


def read_firewall(machine: Machine) -> str:
    """Return which firewall is on, as far as a user can see; "" where none shows."""
    if machine.platform == "win32":
        guarded = windows_facts(machine).firewall
        return f"Windows Defender Firewall ({', '.join(guarded)})" if guarded else ""
    if "enabled=yes" in machine.text("/etc/ufw/ufw.conf").lower().split():
        return "ufw"
    return "firewalld" if machine.path("/run/firewalld").is_dir() else ""


def check_firewall(firewall: str, asked: Asked, *, card: str) -> Finding:
    """Judge the firewall: `card` is where a GigE camera answers, "" where none is asked for."""
    name = "firewall"
    ports = None
    if asked.master is not None and asked.elsewhere:
        ports = (asked.master[1], asked.master[1] + MASTER_PORTS - 1)
    if not firewall:
        return Finding(name, "ok", "none that this user can see")
    if not card and ports is None:
        return Finding(name, "not needed", f"{firewall}; nobody outside has to reach this machine")
    lines = []
    if firewall == "ufw":
        lines += [f"sudo ufw allow in on {card}"] if card else []
        lines += [f"sudo ufw allow {ports[0]}:{ports[1]}/tcp"] if ports else []
    elif firewall == "firewalld":
        lines += [f"sudo firewall-cmd --zone=trusted --change-interface={card}"] if card else []
        lines += [f"sudo firewall-cmd --add-port={ports[0]}-{ports[1]}/tcp"] if ports else []
    else:
        program = this_python() if os.sep in this_python() else "(Get-Command python).Source"
        lines.append(
            f"New-NetFirewallRule -DisplayName mavfer -Direction Inbound -Action Allow -Program {program}"
        )
    who = [f"a camera at {card}"] if card else []
    who += [f"recorders at ports {ports[0]} to {ports[1]}"] if ports else []
    return Finding(
        name,
        "warn",
        f"{firewall} is on",
        f"{' and '.join(who)} let in",
        mend="\n".join(lines),
        advice="pass over this where they are let in already",
    )


def check_host(host: str) -> Finding:
    """Judge the name of another machine of the rig: it has to mean an address."""
    name = f"machine {host}"
    try:
        found = sorted({str(one[4][0]) for one in socket.getaddrinfo(host, None)})
    except (OSError, UnicodeError) as error:
        return Finding(
            name,
            "fail",
            f"the name means no address ({getattr(error, 'strerror', None) or error})",
            "an address",
            advice="write the machine's address into the rig file, or name it in the hosts file",
        )
    return Finding(name, "ok", f"{', '.join(found)}; `mavfer rig check` reaches its recorder")


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: the firewall and other machines."""

    def firewall() -> Finding:
        at = [card for card in camera_cards(asked) if card != "lo"]
        return check_firewall(read_firewall(asked.machine), asked, card=at[0] if at else "")

    others = [Check(f"machine {host}", partial(check_host, host)) for host in asked.elsewhere]
    return [Check("firewall", firewall), *others]
