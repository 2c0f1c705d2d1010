"""What PowerShell tells of a Windows machine, asked once for all sections.

Written from Microsoft's documentation of the cmdlets; never run on Windows. `parse_windows` reads what the
script prints, and is tested with text of that form.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .machine import Machine, Untold

KINECT_IDS = "VID_045E&PID_02(C4|D8)"
SCHEMES = {
    "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c": "high performance",
    "e9a42b02-d5df-448d-aa00-03f14749eb61": "ultimate performance",
    "381b4222-f694-41f0-9685-ff5bb260df2e": "balanced",
    "a1841308-3541-4fab-bc81-f71556f20b4a": "power saver",
}
SCRIPT = r"""
$ErrorActionPreference = 'SilentlyContinue'
$devices = Get-PnpDevice -PresentOnly
$adapters = Get-NetAdapter -Physical | Select-Object Name, MtuSize, Speed,
  @{n='Up'; e={$_.Status -eq 'Up'}}, @{n='Wireless'; e={$_.NdisPhysicalMedium -eq 9}}
@{
  kinects = @($devices | Where-Object InstanceId -match 'KINECTS').Count
  usb = @($devices | Where-Object { $_.Class -eq 'USB' -and $_.InstanceId -like 'PCI*' } |
    ForEach-Object FriendlyName)
  adapters = @($adapters)
  firewall = @(Get-NetFirewallProfile | Where-Object { "$($_.Enabled)" -eq 'True' } | ForEach-Object Name)
  time = "$((Get-Service w32time).Status)"
  sync = (Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\W32Time\Parameters).Type
  power = "$(powercfg /getactivescheme)"
} | ConvertTo-Json -Depth 4 -Compress
""".replace("KINECTS", KINECT_IDS)


@dataclass(frozen=True, slots=True)
class WindowsCard:
    """A network card as Get-NetAdapter lists it; speed in Mbit/s, 0 where there is no link."""

    name: str
    mtu_bytes: int
    speed_mbps: int
    up: bool
    wireless: bool


@dataclass(frozen=True, slots=True)
class WindowsFacts:
    """What PowerShell told.

    Attributes
    ----------
    n_kinects : sensors on the bus
    usb_controllers : their names
    firewall : network profiles that the firewall guards
    time_running : whether the time service runs
    time_sync : "NTP", "NT5DS" (a domain's), "NoSync", "AllSync", or ""
    power : "balanced", or the name that the maker gave
    """

    n_kinects: int = 0
    usb_controllers: tuple[str, ...] = ()
    cards: tuple[WindowsCard, ...] = ()
    firewall: tuple[str, ...] = ()
    time_running: bool = False
    time_sync: str = ""
    power: str = ""


def parse_windows(text: str) -> WindowsFacts:
    """Return what the script printed; raises Untold where it is no such thing."""
    try:
        told = json.loads(text)
        return WindowsFacts(
            int(told.get("kinects") or 0),
            tuple(map(str, told.get("usb") or ())),
            tuple(_card(one) for one in told.get("adapters") or ()),
            tuple(map(str, told.get("firewall") or ())),
            told.get("time") == "Running",
            str(told.get("sync") or ""),
            _scheme(str(told.get("power") or "")),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise Untold(f"PowerShell printed something else than asked for: {error}") from error


def _card(told: Mapping[str, Any]) -> WindowsCard:
    return WindowsCard(
        str(told.get("Name") or "?"),
        int(told.get("MtuSize") or 0),
        round(int(told.get("Speed") or 0) / 1e6),
        bool(told.get("Up")),
        bool(told.get("Wireless")),
    )


def _scheme(text: str) -> str:
    """Return the power plan in a line of powercfg, whose words are in the system's language."""
    for guid, name in SCHEMES.items():
        if guid in text.lower():
            return name
    return text.rpartition("(")[2].rstrip(") ")


_lock = threading.Lock()
_facts: list[WindowsFacts | Untold] = []


def windows_facts(machine: Machine) -> WindowsFacts:
    """Return what PowerShell tells, asking it at the first call; raises Untold where it does not answer."""
    with _lock:
        if not _facts:
            try:
                words = ["powershell", "-NoProfile", "-NonInteractive", "-Command", SCRIPT]
                _facts.append(parse_windows(machine.run(words)))
            except Untold as why:
                _facts.append(why)
        found = _facts[0]
    if isinstance(found, Untold):
        raise found
    return found
