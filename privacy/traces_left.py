"""What else has to do with the subject: pages and files that name them, copies, links to elsewhere."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .journal import is_journal
from .person import Person
from .places import Places, head_of
from .plan import Item, Plan
from .record import TITLE, is_report

PAGE_MARK = b"The looks of every page that report.py builds"
PARTIAL = re.compile(r"\..+\.partial(-[0-9]+)?")
CHUNK = 1 << 22
OVERLAP = 512
HEAD = 1 << 13
SURE = 6
"""Letters from which on a word counts in files that are no text; a shorter one stands there by chance."""
MOST_BINARY = 1 << 26
SAME_FROM = 1 << 10
"""Bytes from which on two files of the same content count as copies."""


def plan_pages(plan: Plan, person: Person) -> None:
    """Plan that pages of mavfer which show or name the subject go, and half-written files that do."""
    for path in plan.places.files:
        if plan.goes(path) or path in plan.known or _is_ours(path):
            continue
        if path.suffix == ".html" and _is_page(path) and mention(path, person) is not None:
            what = "a page that shows or names the subject; the command that wrote it makes it anew"
            plan.add(Item(kind="page", path=path, what=what, remove=(path,)))
        elif PARTIAL.fullmatch(path.name) and mention(path, person) is not None:
            plan.add(Item(kind="leftover", path=path, what="a half-written file", remove=(path,)))
    for folder in plan.places.aside:
        plan.add(
            Item(kind="leftover", path=folder, what="left by an interrupted forgetting", remove=(folder,))
        )


def plan_others(plan: Plan, person: Person, *, others_too: bool = False) -> None:
    """Name every file that mentions the subject and that no stage of mavfer reads; or plan that they go."""
    copies = dict(_copies(plan))
    for path in plan.places.files:
        if plan.goes(path) or path in plan.known or _is_ours(path):
            continue
        why = copies.get(path)
        if why is None and (word := mention(path, person)) is not None:
            why = f"names {word}"
        if why is None:
            continue
        if others_too:
            plan.add(Item(kind="other", path=path, what=why, remove=(path,)))
        else:
            plan.stay(path, why, "look at it; pass --others-too to remove what is named like this")
    for path in plan.places.links:
        _plan_link(plan, path, person, others_too=others_too)
    _other_names(plan)


def mentions(places: Places, person: Person) -> Iterator[tuple[Path, str]]:
    """Yield every file in which, or in whose name, the subject is found, and the word; links too."""
    for path in places.files:
        if not _is_ours(path) and (word := mention(path, person)) is not None:
            yield path, word
    for path in places.links:
        if (word := person.mentioned(f"{path.name} {path.readlink()}".encode(errors="replace"))) is not None:
            yield path, word


def mention(path: Path, person: Person) -> str | None:
    """Return the subject's name or session id that a file's name or text holds, or None.

    Of a file that is no text, or of more than 64 MiB, only long names are looked for within.
    """
    by_name = person.mentioned(path.name.encode(errors="replace"))
    if by_name is None and path.stem in person.sessions - person.shared:
        by_name = path.stem
    if by_name is not None:
        return by_name
    try:
        with path.open("rb") as file:
            return _mentioned_in(file.read(HEAD), file, path, person)
    except OSError:
        return None


def _mentioned_in(head: bytes, file: object, path: Path, person: Person) -> str | None:
    words = person.words
    if b"\x00" in head:
        words = frozenset(one for one in words if len(one) >= SURE)
        if not words or path.stat().st_size > MOST_BINARY:
            return None
    before = b""
    chunk = head
    while chunk:
        if (word := person.mentioned(before + chunk, words=words)) is not None:
            return word
        before, chunk = (before + chunk)[-OVERLAP:], file.read(CHUNK)  # type: ignore[attr-defined]
    return None


def _is_ours(path: Path) -> bool:
    """Whether a file is a journal or a report of forgetting somebody, which may say who."""
    return is_journal(path) or (path.suffix in (".json", ".html") and is_report(path))


def _is_page(path: Path) -> bool:
    head = head_of(path, HEAD)
    return PAGE_MARK in head and TITLE.encode() not in head


def _copies(plan: Plan) -> Iterator[tuple[Path, str]]:
    """Yield files that stay and hold the same bytes as one that goes, with what is to be said."""
    facts, going = plan.places.files, plan.going
    identities = {facts[path].identity: path for path in going if path in facts}
    sizes = {
        facts[path].n_bytes: path for path in going if path in facts and facts[path].n_bytes >= SAME_FROM
    }
    by_hash: dict[int, dict[str, Path]] = {}
    for path, one in facts.items():
        if path in going:
            continue
        if one.identity in identities:
            yield path, f"another name (hard link) of {identities[one.identity]}"
        elif one.n_bytes in sizes and path not in plan.known and path not in plan.strangers:
            if one.n_bytes not in by_hash:
                same = [gone for gone in going if gone in facts and facts[gone].n_bytes == one.n_bytes]
                by_hash[one.n_bytes] = {_hash(gone): gone for gone in same}
            twin = by_hash[one.n_bytes].get(_hash(path))
            if twin is not None:
                yield path, f"a copy of {twin}"


def _hash(path: Path) -> str:
    """Return the hash of a file; of one that cannot be read, a text that no other file has."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)


def _other_names(plan: Plan) -> None:
    """Name files that go and have names outside the places: their bytes stay under these."""
    facts, going = plan.places.files, plan.going
    here: dict[tuple[int, int], int] = {}
    for one in facts.values():
        here[one.identity] = here.get(one.identity, 0) + 1
    for path in sorted(going):
        one = facts.get(path)
        if one is not None and one.n_names > here[one.identity]:
            n = one.n_names - here[one.identity]
            plan.stay(
                path,
                f"the file has {n} more {'name' if n == 1 else 'names'} (hard links) outside the places",
                f"find them with `find / -xdev -inum {one.inode}`, and name their folders too",
            )


def _plan_link(plan: Plan, path: Path, person: Person, *, others_too: bool) -> None:
    if plan.goes(path):
        return
    target = path.readlink()
    whole = Path(os.path.realpath(path))
    inside = plan.places.holds(whole)
    word = person.mentioned(f"{path.name} {target}".encode(errors="replace"))
    if inside and plan.goes(whole):
        plan.add(Item(kind="leftover", path=path, what="a link to what goes", remove=(path,), n_files=1))
    elif word is not None and others_too:
        plan.add(
            Item(kind="other", path=path, what="a link; what it leads to stays", remove=(path,), n_files=1)
        )
        plan.stay(whole, "a link led there, which is not followed", "name that folder too")
    elif not inside and (word is not None or whole.is_dir()):
        plan.stay(path, f"a link out of the places, which is not followed: {whole}", "name that folder too")
    elif word is not None:
        plan.stay(path, f"a link that names {word}", "look at it; pass --others-too to remove it")
