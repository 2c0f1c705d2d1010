"""Why frames are missing: rows and ticks by stream and reason, over sessions and subjects, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...capture.streams import Stream
from ...report import Cell, Page, Prose
from ..dataset.record import VALID, Reason, SessionRecord
from .drawing import LOOKS, ORDER, count, counted, drawable, legend_of, percent
from .panels import LINE, draw_lines, finish
from .rows import SessionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS = 40
"""Sessions or subjects in one plot; those that lost least are left to the tables."""
MOST_TIMELINES = 16
TITLE = 0.42
"""Height of a session's name above its lines, as `panels.LINE` counts."""
Counts = Mapping[Stream, Counter[Reason]]


def add_losses(page: Page, sessions: Sequence[SessionRows]) -> None:
    """Add bars and tables of reasons, and when each stream was lost."""
    total = _summed([rows_counts(rows) for rows in sessions])
    ticks = _summed([tick_counts(rows.entry) for rows in sessions])
    page.section("Why frames are missing", _lead(total))
    page.plot(
        lambda figure: _draw_totals(figure, total, ticks),
        alt="share of rows and of ticks by reason, one bar per stream",
        size_in=(10, 1.3 + 0.3 * len(total) * (2 if ticks else 1)),
        caption=f"All sessions together. {_about_ticks(ticks)}",
    )
    page.table(*_reason_table(total), caption="Rows by stream and reason, all sessions")
    by_session = {rows.entry.id: rows_counts(rows) for rows in sessions}
    if len(sessions) > 1:
        by_subject = _by_subject(sessions)
        if len(by_subject) < len(sessions):
            _add_bars(page, by_subject, "subject")
        _add_bars(page, by_session, "session")
    _add_timelines(page, sessions)
    with page.folded("Rows by reason, session by session"):
        page.table(*_counts_table(by_session, "session", "rows"))
    if ticks:
        with page.folded("Ticks by reason, session by session"):
            page.table(
                *_tick_table([rows.entry for rows in sessions]),
                caption="Every tick of every session and stream. Frames stored are those in the recording; "
                "those at no tick came before the first, after the last, or between two, and are not used.",
            )


def _about_ticks(ticks: Counts) -> str:
    if not ticks:
        return "How each tick of the sessions fared is not in this dataset."
    words = "Rows are the frames of the dataset, ticks the moments at which the rig was to take a picture"
    if any(counts[Reason.NOT_SAMPLED] for counts in ticks.values()):
        words += "; at a clip rate below the rig's, ticks also lie between two rows"
    return f"{words}."


def rows_counts(rows: SessionRows) -> dict[Stream, Counter[Reason]]:
    """Return rows by stream and reason."""
    return {stream: rows.counts(stream) for stream in rows.reason}


def tick_counts(entry: SessionRecord) -> dict[Stream, Counter[Reason]]:
    """Return ticks by stream and reason, as the record counts them; empty where it does not."""
    return {
        Stream(stream): Counter(
            {Reason[name.upper()]: n for name, n in counts.items() if name.upper() in Reason.__members__}
        )
        for stream, counts in entry.ticks.items()
    }


def _summed(parts: Sequence[Counts]) -> dict[Stream, Counter[Reason]]:
    total: dict[Stream, Counter[Reason]] = {}
    for counts in parts:
        for stream, own in counts.items():
            total.setdefault(stream, Counter()).update(own)
    return {stream: total[stream] for stream in Stream if stream in total}


def _by_subject(sessions: Sequence[SessionRows]) -> dict[str, Counts]:
    spelled: dict[str, str] = {}
    parts: dict[str, list[Counts]] = {}
    for rows in sessions:
        subject = spelled.setdefault(rows.entry.subject.casefold(), rows.entry.subject)
        parts.setdefault(subject, []).append(rows_counts(rows))
    return {subject: _summed(counts) for subject, counts in parts.items()}


def _lost(counts: Counter[Reason]) -> float:
    n = sum(counts.values())
    return sum(k for reason, k in counts.items() if reason not in VALID) / n if n else 0.0


def _lead(total: Counts) -> str:
    words = []
    for stream, counts in total.items():
        lost = {reason: n for reason, n in counts.items() if reason not in VALID}
        if not lost:
            continue
        worst = max(lost, key=lambda reason: lost[reason])
        most = f"{LOOKS[worst].word}, {counted(lost[worst], 'row')}"
        words.append(f"{stream} {percent(_lost(counts))} (most often: {most})")
    if not words:
        return "No row is missing in any stream."
    return f"Of the rows these are not valid: {'; '.join(words)}."


def _draw_totals(figure: Figure, rows: Counts, ticks: Counts) -> None:
    axis = figure.subplots()
    names, bars = [], []
    for stream, counts in rows.items():
        names.append(f"{stream}, rows" if ticks else str(stream))
        bars.append(counts)
        if ticks:
            names.append("ticks")
            bars.append(ticks.get(stream, Counter()))
    places = list(range(len(bars)))[::-1]
    _stack(axis, places, bars, reasons=ORDER)
    axis.set_yticks(places, names)
    axis.set_xlim(0, 100)
    axis.set_xlabel("percent")
    axis.grid(visible=False, axis="y")
    legend_of(figure, [reason for counts in bars for reason in counts])


def _stack(
    axis, places: Sequence[float], bars: Sequence[Counter[Reason]], *, reasons: Sequence[Reason]
) -> None:
    """Draw stacked bars, in percent of each bar's whole; only `reasons` are drawn."""
    from matplotlib.collections import PolyCollection

    for reason in reasons:
        boxes = []
        for place, counts in zip(places, bars, strict=True):
            whole = sum(counts.values())
            if not counts[reason]:
                continue
            before = sum(counts[other] for other in reasons[: reasons.index(reason)])
            left, right = 100 * before / whole, 100 * (before + counts[reason]) / whole
            low, high = place - 0.36, place + 0.36
            boxes.append([(left, low), (right, low), (right, high), (left, high)])
        if boxes:
            look = LOOKS[reason]
            axis.add_collection(
                PolyCollection(boxes, facecolors=look.color, alpha=look.opacity, linewidths=0)
            )
    axis.set_ylim(min(places) - 0.6, max(places) + 0.6)


def _reason_table(total: Counts) -> tuple[list[str], list[list[Cell]]]:
    seen = {reason for counts in total.values() for reason in counts}
    lines: list[list[Cell]] = [
        [
            Prose(LOOKS[reason].word, small=LOOKS[reason].meaning),
            *(
                f"{count(counts[reason])} · {percent(counts[reason] / max(1, sum(counts.values())))}"
                if counts[reason]
                else "–"
                for counts in total.values()
            ),
        ]
        for reason in ORDER
        if reason in seen
    ]
    return ["reason", *(str(stream) for stream in total)], lines


def _add_bars(page: Page, named: Mapping[str, Counts], kind: str) -> None:
    losing = {name: counts for name, counts in named.items() if max(map(_lost, counts.values())) > 0}
    if not losing:
        return
    worst = sorted(losing, key=lambda name: -max(map(_lost, losing[name].values())))[:MOST_BARS]
    shown = {name: losing[name] for name in named if name in worst}
    n_whole, n_left = len(named) - len(losing), len(losing) - len(shown)
    more = f" {n_whole} lost nothing and are left out." if n_whole else ""
    more += f" {n_left} that lost less are left to the table below." if n_left else ""
    page.plot(
        lambda figure: _draw_lost(figure, shown),
        alt=f"share of rows that are not valid, by reason: one bar per {kind}, one panel per stream",
        size_in=(10, 1.75 + 0.24 * len(shown)),
        caption=f"Rows that are not valid, per {kind}, percent of its rows; one scale for all.{more}",
    )


def _draw_lost(figure: Figure, named: Mapping[str, Counts]) -> None:
    streams = [stream for stream in Stream if any(stream in counts for counts in named.values())]
    axes = figure.subplots(1, len(streams), sharex=True, sharey=True, squeeze=False)[0]
    reasons = [reason for reason in ORDER if reason not in VALID]
    places = list(range(len(named)))[::-1]
    most = max(_lost(counts) for own in named.values() for counts in own.values())
    for axis, stream in zip(axes, streams, strict=True):
        _stack(axis, places, [own.get(stream, Counter()) for own in named.values()], reasons=reasons)
        axis.set_title(str(stream))
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("percent")
    axes[0].set_yticks(places, [drawable(name) for name in named])
    axes[0].set_xlim(0, min(100.0, max(1.0, 105 * most)))
    seen = {reason for own in named.values() for counts in own.values() for reason in counts}
    legend_of(figure, [reason for reason in seen if reason not in VALID])


def _add_timelines(page: Page, sessions: Sequence[SessionRows]) -> None:
    losing = [rows for rows in sessions if rows.share_lost > 0]
    worst = sorted(losing, key=lambda rows: -rows.share_lost)[:MOST_TIMELINES]
    shown = [rows for rows in sessions if any(rows is one for one in worst)]
    if not shown:
        return
    rest = len(losing) - len(shown)
    lines = sum(len(rows.reason) for rows in shown)
    page.plot(
        lambda figure: _draw_timelines(figure, shown),
        alt="when each stream of each session was lost, and why, over time",
        size_in=(10, 1.3 + 0.8 * (LINE * lines + TITLE * len(shown))),
        caption="When rows are missing: a line per stream, time to the right, colored by the worst reason in "
        "each stretch. Sessions that lost nothing are left out"
        + (f", and {rest} that lost less than these." if rest else "."),
    )


def _draw_timelines(figure: Figure, sessions: Sequence[SessionRows]) -> None:
    """Draw every session's lines, one per stream and colored by reason, under its name."""
    axis = figure.subplots()
    places, names, end_s, y = [], [], 0.0, 0.0
    for rows in sessions:
        y -= TITLE
        title = drawable(f"{rows.entry.id}, {rows.entry.subject}", most=60)
        axis.text(0, y + 0.06, title, fontsize=9, transform=axis.get_yaxis_transform())
        own, words, own_end_s = draw_lines(axis, rows, top=y)
        places += own
        names += words
        end_s = max(end_s, own_end_s)
        y -= len(own) * LINE
    axis.set_yticks(places, names, fontsize=7.5)
    axis.set_ylim(y - 0.05, 0.05)
    finish(axis, end_s)
    legend_of(figure, [reason for rows in sessions for own in rows_counts(rows).values() for reason in own])


def _counts_table(named: Mapping[str, Counts], kind: str, what: str) -> tuple[list[str], list[list[Cell]]]:
    reasons = [r for r in ORDER if any(counts[r] for own in named.values() for counts in own.values())]
    lines: list[list[Cell]] = [
        [
            Prose(name) if i == 0 else "",
            str(stream),
            count(sum(counts.values())),
            *(count(counts[reason]) if counts[reason] else "–" for reason in reasons),
        ]
        for name, own in named.items()
        for i, (stream, counts) in enumerate(own.items())
    ]
    return [kind, "stream", what, *(LOOKS[reason].word for reason in reasons)], lines


def _tick_table(entries: Sequence[SessionRecord]) -> tuple[list[str], list[list[Cell]]]:
    named = {entry.id: tick_counts(entry) for entry in entries}
    header, lines = _counts_table(named, "session", "ticks")
    stored: list[list[Cell]] = [
        [count(entry.stored.get(stream, 0)), count(entry.at_no_tick.get(stream, 0))]
        for entry in entries
        for stream in named[entry.id]
    ]
    lines = [[*line[:2], *frames, *line[2:]] for line, frames in zip(lines, stored, strict=True)]
    return [*header[:2], "frames stored", "at no tick", *header[2:]], lines
