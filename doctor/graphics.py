"""The graphics card that networks are trained on, and whether torch reaches it.

torch is imported, which takes seconds, only where a card is there that it is built for.
"""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .asked import Asked
from .finding import Check, Finding
from .machine import Machine, Untold, this_python
from .packages import version_of

BF16_CAPABILITY = 8.0
"""Compute capability from which bf16 is in hardware (Ampere)."""
QUERY = "name,memory.total,memory.free,driver_version,compute_cap"
TORCH = (
    "import torch, sys; n = torch.cuda.device_count() if torch.cuda.is_available() else 0; "
    "torch.ones(8, device='cuda').sum().item() if n else None; print(n)"
)


@dataclass(frozen=True, slots=True)
class GraphicsCard:
    """A card as nvidia-smi lists it.

    Attributes
    ----------
    capability : CUDA's compute capability; 0 where it is not told
    """

    name: str
    total_mib: float
    free_mib: float
    driver: str
    capability: float = 0.0


@dataclass(frozen=True, slots=True)
class Torch:
    """torch as it is installed.

    Attributes
    ----------
    version : "" where it is not
    built_for : "CUDA 13.0", "ROCm 6.4", or "" for the processor alone
    reaches : how many cards it computes on; None where nobody has asked it
    problem : why it could not be asked
    """

    version: str = ""
    built_for: str = ""
    reaches: int | None = None
    problem: str = ""


def parse_cards(text: str) -> tuple[GraphicsCard, ...]:
    """Return the cards in nvidia-smi's CSV without header and units."""
    found = []
    for line in text.splitlines():
        words = [word.strip() for word in line.split(",")]
        if len(words) >= 4:
            numbers = [_number(word) for word in (words[1], words[2], [*words, "0"][4])]
            found.append(GraphicsCard(words[0], numbers[0], numbers[1], words[3], numbers[2]))
    return tuple(found)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:  # "[N/A]"
        return 0.0


def read_cards(machine: Machine) -> tuple[GraphicsCard, ...]:
    """Return the NVIDIA cards, none where there is no driver; raises Untold where that does not answer."""
    if shutil.which("nvidia-smi") is None:
        if machine.platform == "linux" and _without_driver(machine):
            raise Untold("an NVIDIA card is there, nvidia-smi is not")
        return ()
    try:
        return parse_cards(
            machine.run(["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"])
        )
    except Untold:  # older drivers do not know the last word
        shorter = QUERY.rpartition(",")[0]
        return parse_cards(
            machine.run(["nvidia-smi", f"--query-gpu={shorter}", "--format=csv,noheader,nounits"])
        )


def _without_driver(machine: Machine) -> bool:
    folders = machine.path("/sys/bus/pci/devices").glob("*")
    return any(
        machine.text(f"/sys/bus/pci/devices/{one.name}/vendor") == "0x10de"
        and machine.text(f"/sys/bus/pci/devices/{one.name}/class").startswith("0x03")
        for one in folders
    )


def read_torch(machine: Machine, n_cards: int) -> Torch:
    """Return torch as its files describe it, and where there are cards, what it says itself."""
    version = version_of("torch")
    spec = find_spec("torch") if version else None
    if version is None or spec is None or not spec.submodule_search_locations:
        return Torch()
    built_for = _built_for(Path(spec.submodule_search_locations[0]) / "version.py")
    if not built_for or not n_cards:
        return Torch(version, built_for)
    try:
        return Torch(version, built_for, int(machine.run(["-c", TORCH], python=True).strip() or 0))
    except (Untold, ValueError) as why:
        return Torch(version, built_for, problem=str(why))


def _built_for(path: Path) -> str:
    """Return what torch was built for, by the file in which it says so."""
    found = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            if equals:
                found[name.partition(":")[0].strip()] = value.strip().strip("'\"")
    except OSError:
        return ""
    for name, words in (("cuda", "CUDA"), ("hip", "ROCm")):
        if found.get(name, "None") != "None":
            return f"{words} {found[name]}"
    return ""


def check_cards(cards: tuple[GraphicsCard, ...], torch: Torch, *, training: bool) -> list[Finding]:
    """Judge the graphics cards and whether torch computes on them; `training` says that it will."""
    name = "graphics card"
    if not cards:
        return [Finding(name, "not needed", "none with CUDA: the processor computes, and takes longer")]
    findings = []
    for one in cards:
        bf16 = ", bf16" if one.capability >= BF16_CAPABILITY else ""
        found = (
            f"{one.name}, {one.total_mib / 1024:.0f} GiB, {one.free_mib / 1024:.0f} free, "
            f"driver {one.driver}{bf16}"
        )
        findings.append(Finding(name, "ok", found))
    plain = torch.version.partition("+")[0]
    if not torch.version:
        findings.append(Finding("torch on the card", "not needed", "torch is not installed"))
    elif not torch.built_for:
        findings.append(
            Finding(
                "torch on the card",
                "warn" if training else "not needed",
                f"torch {torch.version} is built for the processor alone",
                "torch built for CUDA",
                mend=f"{this_python()} -m pip install --force-reinstall torch=={plain}",
                advice="on Windows name the index of CUDA's wheels too, as torch's own page says",
            )
        )
    elif torch.reaches is None:
        findings.append(Finding("torch on the card", "unknown", f"could not be told: {torch.problem}"))
    elif torch.reaches < len(cards):
        findings.append(
            Finding(
                "torch on the card",
                "warn",
                f"torch {torch.version} for {torch.built_for} computes on {torch.reaches} of {len(cards)}",
                f"all {len(cards)}",
                mend="nvidia-smi",
                advice="compare its CUDA with torch's: update the driver, or take torch for an older CUDA",
            )
        )
    else:
        found = f"torch {torch.version} for {torch.built_for} computes on all {len(cards)}"
        findings.append(Finding("torch on the card", "ok", found))
    return findings


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at: graphics cards."""

    def look() -> list[Finding]:
        try:
            cards = read_cards(asked.machine)
        except Untold as why:
            advice = "install the card's driver, then look with nvidia-smi"
            return [Finding("graphics card", "warn", str(why), "its driver", advice=advice)]
        return check_cards(
            cards, read_torch(asked.machine, len(cards)), training=asked.use in ("train", "all")
        )

    return [Check("graphics card", look)]
