"""The agreement as files: one row per figure (CSV), and all of it (JSON)."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from .measures import MEASURES
from .readings import LEVEL_WORDS, SCOPES
from .standing_out import Profile
from .summary import Summary
from .thresholds import THRESHOLDS

SCHEMA_VERSION = 1
PAGE_NAME, FIGURES_NAME, RATERS_NAME, JSON_NAME = (
    "agreement.html",
    "agreement.csv",
    "raters.csv",
    "agreement.json",
)
NUMBERS = tuple(one.name for one in fields(Profile) if one.name not in ("dimension", "rater", "findings"))
COLUMNS = (
    *("dimension", "scope", "level", "session", "measure", "value", "low", "high", "interval"),
    *("n_raters", "n_sessions", "n_times", "n_teams"),
)


def write_files(folder: Path, summary: Summary) -> None:
    """Write agreement.csv, raters.csv and agreement.json into a folder that is there."""
    with (folder / FIGURES_NAME).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_figure_rows(summary))
    with (folder / RATERS_NAME).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["dimension", "rater", *NUMBERS, "findings"])
        for one in summary.profiles:
            numbers = [_cell(getattr(one, name)) for name in NUMBERS]
            writer.writerow(
                [one.dimension, one.rater, *numbers, "; ".join(found.text for found in one.findings)]
            )
    text = json.dumps(as_json(summary), indent=2, allow_nan=False)
    (folder / JSON_NAME).write_text(text + "\n", encoding="utf-8")


def as_json(summary: Summary) -> dict[str, Any]:
    """Return all of it as JSON holds it; what is not defined is null."""
    return {
        "kind": "agreement",
        "schema_version": SCHEMA_VERSION,
        "unit": "ratings divided by 10, in [-1, 1]; bias in steps of the scale [-10, 10]",
        "fps": summary.fps,
        "lag_s": summary.lag_s,
        "simulated": summary.simulated,
        "dimensions": list(summary.dimensions),
        "raters": list(summary.raters),
        "sessions": list(summary.session_ids),
        "measures": {name: {"word": one.word, "meaning": one.meaning} for name, one in MEASURES.items()},
        "scopes": dict(SCOPES),
        "levels": dict(LEVEL_WORDS),
        "readings": [
            {
                "dimension": one.dimension,
                "scope": one.scope,
                "level": one.level,
                "session": one.session or None,
                "n_raters": one.n_raters,
                "n_sessions": one.n_sessions,
                "n_times": one.n_times,
                "n_teams": one.n_teams,
                "interval": one.interval or None,
                "values": {
                    name: {"value": _or_none(v.value), "low": _or_none(v.low), "high": _or_none(v.high)}
                    for name, v in one.values.items()
                },
            }
            for one in summary.readings
        ],
        "profiles": [
            {
                "dimension": one.dimension,
                "rater": one.rater,
                **{name: _or_none(getattr(one, name)) for name in NUMBERS},
                "findings": [{"kind": found.kind, "text": found.text} for found in one.findings],
            }
            for one in summary.profiles
        ],
        "thresholds": {name: {"value": t.value, "reason": t.reason} for name, t in THRESHOLDS.items()},
        "remarks": list(summary.remarks),
    }


def _figure_rows(summary: Summary) -> list[list[str]]:
    rows = []
    for one in summary.readings:
        counts = [str(n) for n in (one.n_raters, one.n_sessions, one.n_times, one.n_teams)]
        for name, found in one.values.items():
            limited = one.interval if np.isfinite(found.low) else ""
            numbers = [_cell(value) for value in (found.value, found.low, found.high)]
            rows.append([one.dimension, one.scope, one.level, one.session, name, *numbers, limited, *counts])
    return rows


def _cell(value: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.9g}"


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
