"""Bring the list of modules in docs/architecture.md up to what their docstrings say; `--check` only tells.

The order of the lines and the headings between them are written by hand. A module that is new is put at the
end of its folder's lines, one that is gone is taken out, and every line says its module's first sentence.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
START, END = "```\n__main__.py ", "## Files on disk"
NOT_LISTED = ("tests", "benchmarks", "docs", "tools/_", ".venv", "build", "dist", "annotate/store/migrations")


def first_sentence(path: Path) -> str:
    """Return the first paragraph of a module's docstring on one line, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def modules() -> dict[str, str]:
    """Return {path in the repository: first sentence} of every module that the list tells of."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if path.name != "__init__.py" and not name.startswith(NOT_LISTED) and not name.startswith("."):
            found[name] = first_sentence(path)
    return found


def folder_of(line: str) -> str | None:
    """Return the folder that a heading of the list names."""
    heading = re.match(r"([a-z_0-9]+(?:/[a-z_0-9]+)*)/(?: |$)", line)
    return heading[1] if heading else None


def updated(lines: list[str], found: dict[str, str]) -> list[str]:
    """Return the list's lines as they should be."""
    told: list[str] = []
    seen: set[str] = set()
    folder = ""

    def finish() -> None:
        """Add what the folder's lines left out, before the blank line that ends them."""
        at = len(told)
        while at and not told[at - 1].strip("` "):
            at -= 1
        mine = [name for name in found if name.rpartition("/")[0] == folder and name not in seen]
        told[at:at] = [as_line(name, found[name]) for name in mine]
        seen.update(mine)

    for line in lines:
        begun = folder_of(line)
        if begun is not None:
            finish()
            folder = begun
        module = re.match(r" {0,2}(\w+\.py) ", line)
        if module is None:
            told.append(line)
            continue
        name = f"{folder}/{module[1]}" if folder else module[1]
        if name in found:
            told.append(as_line(name, found[name]))
            seen.add(name)
    finish()
    homeless = sorted(
        {name.rpartition("/")[0] for name in found} - {name.rpartition("/")[0] for name in seen}
    )
    if homeless:
        raise SystemExit(
            f"docs/architecture.md has no heading for {', '.join(homeless)}; write one, `FOLDER/`"
        )
    return told


def as_line(name: str, sentence: str) -> str:
    """Return a module's line."""
    folder, _, file = name.rpartition("/")
    indent = "  " if folder else ""
    return f"{indent}{file}".ljust(20 + len(indent)) + f" {sentence}" if folder else f"{file:<20} {sentence}"


def main() -> int:
    """Write the page anew where it has to be; with --check return 1 there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if the list is not up to date"
    )
    asked = parser.parse_args()
    text = PAGE.read_text()
    start, end = text.index(START), text.index(END)
    block = "\n".join(updated(text[start:end].split("\n"), modules()))
    if block == text[start:end]:
        return 0
    if asked.check:
        print("docs/architecture.md lists other modules than there are; run `python tools/list_modules.py`")
        return 1
    PAGE.write_text(text[:start] + block + text[end:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
