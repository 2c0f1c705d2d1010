"""The network as a GigE camera needs it: cards, routes, receive buffers, filters.

Nothing is sent: what is told is how the system would send it.
"""

import ipaddress
import struct
from dataclasses import dataclass

from .asked import Asked
from .drivers import A65
from .finding import Check, Finding
from .machine import Machine, Untold, quoted
from .windows import windows_facts

JUMBO_MTU_BYTES = 8000
"""Of packets that carry a picture in 80 instead of 450; cards name 9000 or 9014."""
GIGABIT_MBPS = 1000
BUFFER_BYTES = 4 * 2**20
"""A picture of the A65 has 0.66 MB, and a program that waits for the processor misses some."""
ETHERNET = 1
SETTINGS_FILE = "/etc/sysctl.d/60-mavfer.conf"


@dataclass(frozen=True, slots=True)
class Card:
    """A network card.

    Attributes
    ----------
    speed_mbps : None where the card does not tell
    up : whether a cable is in and the card is switched on
    strict : whether packets are dropped that would be answered through another card (rp_filter = 1)
    """

    name: str
    mtu_bytes: int
    speed_mbps: int | None
    up: bool = True
    wireless: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """How packets to an address leave.

    Attributes
    ----------
    card : "" where no route is known
    gateway : whether through a router, which means that no card is in the address' own subnet
    """

    address: str
    card: str = ""
    gateway: bool = False


def read_cards(machine: Machine) -> tuple[Card, ...]:
    """Return the machine's Ethernet and wireless cards; bridges and tunnels are none."""
    if machine.platform == "win32":
        told = windows_facts(machine).cards
        return tuple(Card(c.name, c.mtu_bytes, c.speed_mbps or None, c.up, c.wireless) for c in told)
    if machine.platform != "linux":
        raise Untold(f"cards are not read on {machine.platform}")
    rp_all = machine.number("/proc/sys/net/ipv4/conf/all/rp_filter") or 0
    found = []
    for folder in sorted(machine.path("/sys/class/net").glob("*")):
        place = f"/sys/class/net/{folder.name}"
        if machine.number(f"{place}/type") != ETHERNET or not (folder / "device").exists():
            continue
        rp_own = machine.number(f"/proc/sys/net/ipv4/conf/{folder.name}/rp_filter") or 0
        speed = machine.number(f"{place}/speed")
        found.append(
            Card(
                folder.name,
                machine.number(f"{place}/mtu") or 0,
                speed if speed is not None and speed > 0 else None,
                machine.text(f"{place}/operstate") == "up",
                (folder / "wireless").exists() or (folder / "phy80211").exists(),
                max(rp_all, rp_own) == 1,
            )
        )
    return tuple(found)


def read_route(machine: Machine, address: str) -> Route:
    """Return how packets to an IPv4 address would leave, by Linux' routing table."""
    if machine.platform != "linux":
        raise Untold(f"routes are not read on {machine.platform}")
    wanted = int(ipaddress.IPv4Address(address))
    if ipaddress.IPv4Address(address).is_loopback:
        return Route(address, "lo")
    best: tuple[int, int, Route] | None = None
    for line in machine.text("/proc/net/route").splitlines()[1:]:
        words = line.split()
        try:
            target, router, mask = (_address(words[place]) for place in (1, 2, 7))
            up, metric = int(words[3], 16) & 1, int(words[6])
        except (IndexError, ValueError, struct.error):
            continue
        if up and wanted & mask == target:
            candidate = (mask.bit_count(), -metric, Route(address, words[0], router != 0))
            best = candidate if best is None or candidate[:2] > best[:2] else best
    return best[2] if best is not None else Route(address)


def _address(hexadecimal: str) -> int:
    """Return an address of /proc/net/route, which has it as it lies in memory."""
    return int.from_bytes(struct.pack("=I", int(hexadecimal, 16)), "big")


def check_route(route: Route) -> Finding:
    """Judge how a camera's address is reached: it has to be in the subnet of a card."""
    name = f"camera {route.address}"
    if route.card and not route.gateway:
        return Finding(name, "ok", f"in the subnet of {route.card}; not asked")
    found = f"only through a router, by {route.card}" if route.card else "no route to it"
    first, _, _ = route.address.rpartition(".")
    return Finding(
        name,
        "fail",
        found,
        "a card in its subnet",
        mend=f"sudo ip address add {first}.1/24 dev CARD",
        advice="put in the card that the camera is plugged into, and a number that is free",
    )


def check_card(card: Card, *, wanted: bool, platform: str) -> list[Finding]:
    """Judge a card; `wanted` says that a GigE camera may hang at it."""
    speed = f"{card.speed_mbps} Mbit/s" if card.speed_mbps else "speed not told"
    kind = "wireless" if card.wireless else "wired"
    name = f"card {card.name}"
    if not card.up:
        return [Finding(name, "not needed", f"{kind}, no cable or switched off")]
    found = f"{kind}, {speed}, MTU {card.mtu_bytes}"
    if not wanted:
        return [Finding(name, "not needed", f"{found}; no GigE camera is at it")]
    findings = []
    if card.wireless:
        findings.append(
            Finding(name, "warn", found, "a cable for a GigE camera", advice="take a wired card for it")
        )
        return findings
    if card.speed_mbps is not None and card.speed_mbps < GIGABIT_MBPS:
        findings.append(
            Finding(
                name,
                "warn",
                found,
                f"{GIGABIT_MBPS} Mbit/s",
                advice="take a cable of category 5e or better, and a gigabit port at both ends",
            )
        )
    else:
        findings.append(Finding(name, "ok", found))
    if 0 < card.mtu_bytes < JUMBO_MTU_BYTES:
        mend = f"sudo ip link set dev {card.name} mtu 9000"
        if platform == "win32":
            mend = (
                f"Set-NetAdapterAdvancedProperty -Name {quoted(card.name)} "
                "-RegistryKeyword '*JumboPacket' -RegistryValue 9014"
            )
        findings.append(
            Finding(
                f"MTU of {card.name}",
                "warn",
                f"{card.mtu_bytes} bytes",
                f"{JUMBO_MTU_BYTES} or more at a GigE camera",
                mend=mend,
                advice="on a card of the camera's own only, and where the switch takes such packets too",
            )
        )
    if card.strict:
        findings.append(
            Finding(
                f"rp_filter of {card.name}",
                "warn",
                "1: answers from another subnet are dropped",
                "0 or 2",
                mend=f"sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{card.name}.rp_filter=2",
            )
        )
    return findings


def check_buffers(max_bytes: int | None, default_bytes: int | None, *, wanted: bool) -> Finding:
    """Judge the receive buffers that Linux grants a program; `wanted` says that a GigE camera is."""
    name = "receive buffer"
    if max_bytes is None:
        return Finding(name, "not needed", "this system has no net.core.rmem_max")
    found = f"net.core.rmem_max = {max_bytes}"
    if default_bytes is not None:
        found += f", rmem_default = {default_bytes}"
    if max_bytes >= BUFFER_BYTES:
        return Finding(name, "ok", found)
    if not wanted:
        return Finding(name, "not needed", f"{found}; a GigE camera wants {BUFFER_BYTES}")
    setting = f"net.core.rmem_max={2 * BUFFER_BYTES}"
    return Finding(
        name,
        "warn",
        found,
        f"{BUFFER_BYTES} bytes or more",
        mend=f"echo {setting} | sudo tee {SETTINGS_FILE} && sudo sysctl -p {SETTINGS_FILE}",
    )


def camera_cards(asked: Asked) -> tuple[str, ...]:
    """Return the cards at which a GigE camera may answer: those of the rig file's addresses, or all wired."""
    if not asked.wants(A65):
        return ()
    if asked.addresses and asked.machine.platform == "linux":
        routes = [read_route(asked.machine, one) for one in asked.addresses]
        return tuple(route.card for route in routes if route.card and not route.gateway)
    return tuple(one.name for one in read_cards(asked.machine) if one.up and not one.wireless)


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: cards, the ways to cameras, and buffers."""
    machine = asked.machine

    def cards() -> list[Finding]:
        at, found = camera_cards(asked), read_cards(machine)
        if not found:
            return [Finding("network cards", "not needed", "none but virtual ones")]
        judged = [check_card(one, wanted=one.name in at, platform=machine.platform) for one in found]
        return [finding for findings in judged for finding in findings]

    def routes() -> list[Finding]:
        return [check_route(read_route(machine, one)) for one in asked.addresses]

    def buffers() -> Finding:
        most, usual = (machine.number(f"/proc/sys/net/core/rmem_{which}") for which in ("max", "default"))
        return check_buffers(most, usual, wanted=asked.wants(A65))

    found = [Check("network cards", cards)]
    if machine.platform == "linux":
        found += [Check("cameras' addresses", routes), Check("receive buffer", buffers)]
    return found
