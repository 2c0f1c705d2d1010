"""Traces of another folder, checked and brought into one's own, with their headers and events."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ...errors import TraceError
from ...output import new_file, require_free
from ..trace import Trace, read_trace, write_trace
from .events_file import require_events


def looked_over(folder: Path) -> tuple[list[Trace], list[TraceError]]:
    """Return the traces in a folder that are sound, and what is wrong with the others.

    Raises
    ------
    TraceError
        It is no folder, or has no trace.
    """
    if not folder.is_dir():
        raise TraceError(
            f"wanted a folder of traces, found {'a file' if folder.exists() else 'nothing'}: {folder}"
        )
    traces: list[Trace] = []
    troubles: list[TraceError] = []
    for path in sorted(folder.glob("*.csv")):
        try:
            trace = read_trace(path)
            if trace.origin is not None and trace.origin.events is not None:
                require_events(folder, trace.origin.events)
            if any(one.stem == trace.stem for one in traces):
                raise TraceError(
                    f"wanted one {trace.dimension} trace of rater {trace.rater!r} for session "
                    f"{trace.session!r}, found another; remove one: {path}"
                )
            traces.append(trace)
        except TraceError as error:
            troubles.append(error)
    if not traces and not troubles:
        raise TraceError(f"wanted traces (SESSION.RATER.DIMENSION.csv), found none: {folder}")
    return traces, troubles


def bring_in_traces(folder: Path, traces: Sequence[Trace], out: Path, *, overwrite: bool = False) -> None:
    """Write traces that were read from `folder` into the folder `out`, with the events they were made of.

    Raises
    ------
    OutputError
        One of the files is there and `overwrite` is False; nothing is written then.
    """
    events = {
        one.origin.events.name: one.origin.events
        for one in traces
        if one.origin is not None and one.origin.events is not None
    }
    for name in (*(f"{one.stem}.csv" for one in traces), *events):
        require_free(out / name, overwrite=overwrite)
    for name in events:
        with new_file(out / name, overwrite=overwrite) as temporary:
            shutil.copyfile(folder / name, temporary)
    for one in traces:
        write_trace(out, one, overwrite=overwrite)
