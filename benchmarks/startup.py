"""How soon the command answers, and how large the wheel is: `python benchmarks/startup.py`.

`python -m mavfer --version` and `--help` as processes of their own, in turn with a Python that does nothing,
one that imports the command-line library, and one that imports numpy; medians by the wall clock. The wheel is
built of a copy of the files that git knows or would take, in a temporary folder. The last line is one JSON
object.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import mavfer

ROOT = Path(mavfer.__file__).parent
COMMANDS = {
    "python_s": ["-c", "pass"],
    "typer_s": ["-c", "import typer"],
    "numpy_s": ["-c", "import numpy"],
    "version_s": ["-P", "-m", "mavfer", "--version"],
    "help_s": ["-P", "-m", "mavfer", "--help"],
}
TABLE = {
    "python_s": "python -c pass",
    "typer_s": "python -c 'import typer'",
    "numpy_s": "python -c 'import numpy'",
    "version_s": "python -m mavfer --version (wanted: at most 0.3 s)",
    "help_s": "python -m mavfer --help (wanted: at most 0.5 s)",
}


def startup_s(*, seconds: float) -> dict[str, float]:
    """Return the median time of each command, in rounds of all of them over `seconds`, at least three."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    end_s = perf_counter() + seconds
    while perf_counter() < end_s or len(taken["help_s"]) < 3:
        for name, words in COMMANDS.items():
            begun_s = perf_counter()
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
            taken[name].append(perf_counter() - begun_s)
    return {name: median(times) for name, times in taken.items()}


def wheel_mb() -> float:
    """Return the size of the wheel that is built of the files that git knows, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "wheel"
        for name in listed.stdout.decode().split("\0"):
            if name and not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, source / name)
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run(
            [*build, "--no-index", "--disable-pip-version-check", "--wheel-dir", out, source],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (wheel,) = out.glob("mavfer-*.whl")
        return wheel.stat().st_size / 1e6


def main() -> None:
    """Measure, print a table, and as the last line the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of starting commands, in turn")
    parser.add_argument("--quick", action="store_true", help="3 seconds of it")
    options = parser.parse_args()
    found = startup_s(seconds=3.0 if options.quick else options.seconds)
    for name, what in TABLE.items():
        print(f"{what:52} {found[name]:6.3f} s  {found[name] / found['python_s']:5.1f} x python alone")
    found["wheel_mb"] = wheel_mb()
    print(f"{'the wheel (wanted: less than 5 MB)':52} {found['wheel_mb']:6.2f} MB")
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))


if __name__ == "__main__":
    main()
