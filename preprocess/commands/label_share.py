"""How much of some sessions is labelled, in a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence

from ..dataset.record import SessionRecord


def label_share(entries: Sequence[SessionRecord]) -> str:
    """Return the share of rows with a label in every dimension, such as "97.0%".

    Where no row has them all, but some dimension is rated, each such dimension's share and name.
    """
    n_frames = max(1, sum(entry.n_frames for entry in entries))
    in_all = sum(min(entry.labelled.values(), default=0) for entry in entries)
    totals: dict[str, int] = {}
    for entry in entries:
        for name, n_labelled in entry.labelled.items():
            totals[name] = totals.get(name, 0) + n_labelled
    if in_all == 0 and any(totals.values()):
        return ", ".join(f"{n / n_frames:.1%} {name}" for name, n in totals.items() if n)
    return f"{in_all / n_frames:.1%}"
