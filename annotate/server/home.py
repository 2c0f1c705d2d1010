"""What a rater's home shows: what is next, how much is left, the list; from what a rater is told, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from ..trace import DIMENSIONS

MEANING = {
    "valence": "Is the feeling unpleasant or pleasant? Leave aside how excited the person is.",
    "arousal": "Is the person calm or excited? Leave aside whether the feeling is pleasant.",
}
SAYS = {"waiting": "", "open": "begun", "complete": "done"}


def home_shown(told: Sequence[Mapping[str, Any]], *, resume_s: float | None = None) -> dict[str, Any]:
    """Return what the template `home.html` shows of a rater's assignments.

    Parameters
    ----------
    told : as `Desk.told` gives them, in the rater's order; the first that is not complete is next
    resume_s : where the next one goes on, media seconds, if it is begun

    Returns
    -------
    dict
        rows in groups of one pass, what is next (None where all is done), counts and times in words. Practice
        counts among neither the videos that are done nor the film that is left.
    """
    rows = _rows(told)
    next_ = next((row for row in rows if row["state"] != "complete"), None)
    counted = [row for row in rows if not row["practice"]]
    done = [row for row in counted if row["state"] == "complete"]
    left_s = sum(row["duration_s"] for row in counted if row["state"] != "complete")
    if next_ is not None and resume_s is not None and resume_s >= 1:
        next_["resume"] = clock(resume_s)
        next_["button"] = f"Go on at {next_['resume']}"
        left_s -= 0 if next_["practice"] else resume_s
    groups = []
    for dimension, members in groupby(rows, key=lambda row: row["dimension"]):
        group = list(members)
        groups.append(
            {
                "dimension": dimension,
                "dimensions": group[0]["dimensions"],
                "rows": group,
                "n_done": _n_done(group),
                "n_total": sum(not row["practice"] for row in group),
            }
        )
    if len(groups) > len(rows) / 2 and len(groups) > 2:  # passes alternate: one list reads better
        groups = [{"dimension": "mixed", "dimensions": (), "rows": rows}]
        groups[0] |= {"n_done": _n_done(rows), "n_total": len(counted)}
        for row in rows:
            row["name"] = f"{row['name']}, {row['dimension']}"
    return {
        "groups": groups,
        "next": next_,
        "turned": _turned(rows, next_),
        "meaning": MEANING,
        "n_total": len(counted),
        "n_done": len(done),
        "n_videos": len({row["video"] for row in done}),
        "left": minutes(max(left_s, 0.0)),
        "minutes_done": minutes(sum(row["duration_s"] for row in done)),
    }


def clock(seconds: float) -> str:
    """Return a place in a film as minutes and seconds, "2:10"."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def minutes(seconds: float) -> str:
    """Return a length of film in words: "40 s", "5 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{round(seconds)} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 90 else f"{whole // 60} h {whole % 60:02d} min"


def _rows(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each assignment, numbered within its pass; practice has no number."""
    n_of: dict[str, int] = {}
    total: dict[str, int] = {}
    for one in told:
        total[one["dimension"]] = total.get(one["dimension"], 0) + (not one["practice"])
    rows = []
    for one in told:
        dimension = one["dimension"]
        n_of[dimension] = n_of.get(dimension, 0) + (not one["practice"])
        name = "Practice" if one["practice"] else f"Video {n_of[dimension]}"
        long = minutes(one["duration_s"])
        verb = "Go on with" if one["state"] == "open" else "Begin" if one["practice"] else "Rate"
        of = "practice" if one["practice"] else f"video {n_of[dimension]} of {total[dimension]}"
        rows.append(
            {
                **one,
                "name": name,
                "duration": long,
                "dimensions": DIMENSIONS if dimension == "both" else (dimension,),
                "says": SAYS[one["state"]],
                "button": f"{verb} {of}",
                "resume": "",
            }
        )
    return rows


def _turned(rows: Sequence[Mapping[str, Any]], next_: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Return from which dimension to which a rater turns with what is next; None where it stays the same."""
    if next_ is None or next_["dimension"] == "both":
        return None
    before = [row for row in rows if row["position"] < next_["position"]]
    if not before or before[-1]["dimension"] == next_["dimension"]:
        return None
    return {"now": next_["dimension"], "before": before[-1]["dimension"]}


def _n_done(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how many rows are complete, practice not counted."""
    return sum(row["state"] == "complete" and not row["practice"] for row in rows)
