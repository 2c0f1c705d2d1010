"""An environment that holds the wheel, what one extra of it asks for, and nothing else, made in a second.

What to put in is read from the wheel's metadata and from that of what it requires, as an installer does.
The packages are linked from the environment that runs this, which has them all at their pinned versions,
instead of being fetched and unpacked once for each extra. Nothing else of that environment can be imported.
"""

import venv
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import Parser
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SCRIPT = """#!{python}
import sys
from {module} import {function}

if __name__ == "__main__":
    sys.exit({function}())
"""


class NotHere(Exception):
    """The environment that runs this lacks what the wheel requires, or has another version of it."""


def extras_of(wheel: Path) -> list[str]:
    """Return the names of the wheel's extras, in their order."""
    return _metadata(wheel).get_all("Provides-Extra") or []


def wanted_by(wheel: Path, extra: str) -> dict[str, Distribution]:
    """Return the distributions that an installer would put beside the wheel, by normalized name.

    Parameters
    ----------
    extra
        Of the wheel; "" for none.

    Raises
    ------
    NotHere
        One of them is not installed here, or is of a version that does not fit.
    """
    of_wheel = _metadata(wheel).get_all("Requires-Dist") or []
    own = canonicalize_name(_metadata(wheel)["Name"])
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    left = [(own, name) for name in {"", extra}]
    while left:
        name, asked = left.pop()
        if (name, asked) in seen:
            continue
        seen.add((name, asked))
        lines = of_wheel if name == own else found[name].requires or []
        for requirement in _applying([Requirement(line) for line in lines], asked):
            further = canonicalize_name(requirement.name)
            if further != own:
                found[further] = _installed(requirement)
            left += [(further, one) for one in {"", *requirement.extras}]
    return found


def make(folder: Path, wheel: Path, extra: str) -> Path:
    """Make the environment in `folder`, which does not exist yet; return where its commands are."""
    distributions = list(wanted_by(wheel, extra).values())
    venv.create(folder, with_pip=False, symlinks=True)
    place = next((folder / "lib").glob("python3*/site-packages"))
    shared = _files_by_first_part(distributions)
    for first, owners in shared.items():
        if len(owners) == 1:  # unless part of it is someone else's, left out here
            source = Path(str(owners[0].locate_file(first)))
            if _is_whole(first, owners[0]):
                (place / first).symlink_to(source)
                continue
        for owner in owners:
            for file in _files(owner, first):
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                if not (place / file).exists():
                    (place / file).symlink_to(Path(str(owner.locate_file(file))))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
        points = next(name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        _write_scripts(folder / "bin", archive.read(points).decode())
    return folder / "bin"


def _metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def _applying(requirements: Iterable[Requirement], extra: str) -> Iterator[Requirement]:
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _installed(requirement: Requirement) -> Distribution:
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        raise NotHere(f"wanted {requirement}, found none here; run `make setup-test`") from None
    if not requirement.specifier.contains(found.version, prereleases=True):
        raise NotHere(f"wanted {requirement}, found version {found.version}; run `make setup-test`")
    return found


def _files(owner: Distribution, first: str = "") -> list[str]:
    names = [str(file) for file in owner.files or []]
    return [name for name in names if not name.startswith("..") and (not first or _first(name) == first)]


def _first(name: str) -> str:
    return name.split("/", 1)[0]


def _files_by_first_part(distributions: Iterable[Distribution]) -> dict[str, list[Distribution]]:
    """Return each folder or file at the top of site-packages with the distributions that have files in it."""
    owners: dict[str, list[Distribution]] = {}
    for owner in distributions:
        for first in {_first(name) for name in _files(owner)} - {"__pycache__"}:
            owners.setdefault(first, []).append(owner)
    return owners


def _is_whole(first: str, owner: Distribution) -> bool:
    """Return whether all that lies in a folder of site-packages here is `owner`'s: no shared namespace."""
    folder = Path(str(owner.locate_file(first)))
    if not folder.is_dir():
        return True
    here = {path.name for path in folder.iterdir()} - {"__pycache__"}
    return here <= {name.split("/")[1] for name in _files(owner, first)}


def _write_scripts(folder: Path, entry_points: str) -> None:
    lines = entry_points.partition("[console_scripts]")[2].partition("[")[0].splitlines()
    for line in filter(None, lines):
        name, _, target = (part.strip() for part in line.partition("="))
        module, _, function = target.partition(":")
        script = folder / name
        script.write_text(SCRIPT.format(python=folder / "python", module=module, function=function))
        script.chmod(0o755)
