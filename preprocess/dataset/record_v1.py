"""Records of schema 1 as tables of schema 2.

Schema 1 kept the split in each session's `parts` and how it was drawn in `config`, knew one calibration for
all sessions, and counted rows only.
"""

from collections.abc import Mapping
from typing import Any

DRAWN = ("n_test_subjects", "n_validation_subjects", "seed")


def from_schema_1(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `dataset.toml` table of schema 1 (as TOML gives it) as one of schema 2.

    Raises
    ------
    ValueError
        It is not of that form.
    """
    try:
        return _from_schema_1(table)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("wanted a record of schema 1, found a damaged one; rebuild the dataset") from error


def _from_schema_1(table: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(table.get("config", {}))
    drawn = {name: config.pop(name) for name in DRAWN if name in config}
    config.setdefault("compression", "gzip")
    sessions = [dict(session) for session in table.get("sessions", ())]
    parts = {session["id"]: session.pop("parts", ()) for session in sessions if "id" in session}
    for session in sessions:
        if session.get("fate") == "built" and "calibration_sha256" in table:
            session["calibration_sha256"] = table["calibration_sha256"]
    scheme: dict[str, Any] = {"by": table.get("split_by"), "seed": drawn.get("seed", 0)}
    if scheme["by"] == "time":
        scheme["parts"] = {name: part for name, part in parts.items() if part}
    else:
        scheme["subjects"] = {
            session["subject"]: parts[session["id"]][0]["split"]
            for session in sessions
            if parts.get(session.get("id"))
        }
    kept = {key: table[key] for key in table if key not in ("split_by", "calibration_sha256")}
    return kept | {
        "schema_version": 2,
        "config": config,
        "splits": [scheme],
        "sessions": sessions,
    }
