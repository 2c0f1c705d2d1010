"""What a distribution requires, in the words of its metadata: names, versions and markers.

As much of PEP 508 and PEP 440 as mavfer's own metadata says, so that nothing else has to be installed to
tell what is missing.
"""

import ast
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_REQUIREMENT = re.compile(
    r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[(?P<extras>[^\]]*)\])?\s*\(?(?P<clauses>[^;)]*)\)?\s*"
    r"(;(?P<marker>.*))?$"
)
_CLAUSE = re.compile(r"^\s*(==|!=|>=|<=|>|<|~=)\s*([A-Za-z0-9_.!+-]+?)(\.\*)?\s*$")
_VERSION = re.compile(
    r"^v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)(?:[._-]?(?P<pre>a|b|c|rc|alpha|beta|preview)[._-]?(?P<n>\d*))?"
    r"(?:[._-]?(?P<post>post|rev|r)[._-]?(?P<post_n>\d*)|-(?P<post_short>\d+))?"
    r"(?:[._-]?(?P<dev>dev)[._-]?(?P<dev_n>\d*))?(?:\+(?P<local>[a-z0-9._-]+))?$"
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "preview": 2}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}

Key = tuple[int, tuple[int, ...], tuple[int, int], int, float]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a distribution.

    Attributes
    ----------
    name : normalized: lower case, "-" between its parts
    extras : of that distribution
    clauses : (operator, version) pairs that all have to hold
    marker : where it applies; "" everywhere
    """

    name: str
    extras: tuple[str, ...]
    clauses: tuple[tuple[str, str], ...]
    marker: str

    @property
    def wanted(self) -> str:
        """The versions that fit, in words of the metadata (">=14,<19")."""
        return ",".join(sorted((f"{operator}{version}" for operator, version in self.clauses), reverse=True))

    def applies(self, extra: str = "") -> bool:
        """Whether it has to be there on this machine, for an extra of the distribution or for none."""
        return not self.marker or holds(self.marker, environment() | {"extra": extra})

    def fits(self, version: str) -> bool:
        """Whether an installed version is one of those that are wanted."""
        return all(satisfies(version, operator, wanted) for operator, wanted in self.clauses)


def normalized(name: str) -> str:
    """Return a distribution's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_requirement(text: str) -> Requirement:
    """Return a line of `Requires-Dist`.

    Raises
    ------
    ValueError
        It is none, or says more than is read here.
    """
    found = _REQUIREMENT.match(text)
    if found is None:
        raise ValueError(f"no requirement that can be read: {text!r}")
    clauses = []
    for clause in filter(None, (part.strip() for part in found["clauses"].split(","))):
        parts = _CLAUSE.match(clause)
        if parts is None:
            raise ValueError(f"no version that can be read: {text!r}")
        clauses.append((parts[1], parts[2] + (parts[3] or "")))
    extras = tuple(normalized(one.strip()) for one in (found["extras"] or "").split(",") if one.strip())
    return Requirement(normalized(found["name"]), extras, tuple(clauses), (found["marker"] or "").strip())


def version_key(version: str) -> Key:
    """Return what versions are ordered by, local parts ("+cpu") apart; raises ValueError for none."""
    found = _VERSION.match(version.strip().lower())
    if found is None:
        raise ValueError(f"no version: {version!r}")
    release = tuple(map(int, found["release"].split(".")))
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    post_n = found["post_n"] if found["post"] else found["post_short"]
    post = -1 if post_n is None else int(post_n or 0)
    dev = float(found["dev_n"] or 0) if found["dev"] else float("inf")
    if found["pre"]:
        pre = (_PRE[found["pre"]], int(found["n"] or 0))
    else:  # a development release of a final one comes before its candidates
        pre = (-1, 0) if found["dev"] and post < 0 else (3, 0)
    return int(found["epoch"] or 0), release, pre, post, dev


def satisfies(version: str, operator: str, wanted: str) -> bool:
    """Return whether a version fits a clause; one that cannot be read fits only itself."""
    try:
        if wanted.endswith(".*"):
            return _starts_as(version, wanted[:-2]) == (operator == "==")
        own, other = version_key(version), version_key(wanted)
    except ValueError:
        return (version == wanted) == (operator != "!=")
    if operator == "~=":
        return own >= other and _starts_as(version, wanted.rpartition(".")[0])
    if operator in ("==", "!="):
        exact = "+" in wanted  # a local part counts where it is asked for
        same = own == other and (not exact or _local(version) == _local(wanted))
        return same == (operator == "==")
    if operator in (">", "<") and own[:2] == other[:2]:  # 2.0.post1 is no later, 2.0rc1 no earlier than 2.0
        if operator == ">" and other[3] < 0 <= own[3]:
            return False
        if operator == "<" and other[2] == (3, 0) and own[2] != (3, 0) and other[3] < 0:
            return False
    return {">": own > other, "<": own < other, ">=": own >= other, "<=": own <= other}[operator]


def environment() -> dict[str, str]:
    """Return what markers ask of this machine (PEP 508)."""
    return {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_system": platform.system(),
        "platform_python_implementation": platform.python_implementation(),
        "implementation_name": sys.implementation.name,
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
    }


def holds(marker: str, names: Mapping[str, str]) -> bool:
    """Return whether a marker holds where its names mean this; a marker is an expression of Python's.

    Raises
    ------
    ValueError
        It is none, or asks for a name that is not given.
    """
    try:
        return _holds(ast.parse(marker.strip(), mode="eval").body, names)
    except (SyntaxError, RecursionError) as error:
        raise ValueError(f"no marker that can be read: {marker!r}") from error


def _holds(node: ast.expr, names: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = [_holds(part, names) for part in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise ValueError(f"no marker that can be read: {ast.unparse(node)!r}")
    left, right, operator = _meant(node.left, names), _meant(node.comparators[0], names), node.ops[0]
    if isinstance(operator, ast.In | ast.NotIn):
        return (left in right) == isinstance(operator, ast.In)
    if isinstance(node.left, ast.Name) and "version" in node.left.id and type(operator) in _SIGNS:
        return satisfies(left, _SIGNS[type(operator)], right)
    if not isinstance(operator, ast.Eq | ast.NotEq):
        raise ValueError(f"no marker that can be read: {ast.unparse(node)!r}")
    return (left == right) == isinstance(operator, ast.Eq)


def _meant(node: ast.expr, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    raise ValueError(f"no such name in a marker: {ast.unparse(node)!r}")


def _starts_as(version: str, prefix: str) -> bool:
    epoch, numbers, *_ = version_key(version)
    wanted_epoch, *_ = version_key(prefix)
    wanted = [int(part) for part in prefix.rpartition("!")[2].split(".")]
    own = [*numbers, *[0] * (len(wanted) - len(numbers))]
    return epoch == wanted_epoch and own[: len(wanted)] == wanted


def _local(version: str) -> str:
    return version.partition("+")[2].lower()
