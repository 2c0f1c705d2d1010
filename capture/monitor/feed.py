"""What every page is sent: the desk's status as JSON, made once for all of them, and the newest pictures."""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..desk import Desk, Preview
from ..guide import Guide, GuideCamera
from ..preview import scale_colors
from ..status import StepStatus, TakeStatus
from ..streams import Stream
from .words import NONE, RUNNING, STATES, TakeStart, left_words, recorder_row, skew_words, time_words

STATUS_EVERY_S = 0.2
MAX_MARKERS = 60
MAX_PROBLEMS = 24
MAX_RECORDERS = 24
MAX_WORDS = 400
"""A page stays readable, and its status bounded, whatever a recorder says."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A preview, and when the monitor first saw it (s, monotonic)."""

    preview: Preview
    since_s: float


class Feed:
    """Looks at the desk a few times a second, on the server's event loop.

    Parameters
    ----------
    desk : Desk
    streams : those that have a place on the page
    """

    def __init__(self, desk: Desk, streams: Sequence[Stream]) -> None:
        self._desk, self._streams = desk, streams
        self._start = TakeStart()
        self._n_shown, self._new_s = -1, time.monotonic()
        self._turn = asyncio.Event()
        self.n = 0
        self.text = ""
        self.pictures: dict[Stream, Picture] = {}
        self.look()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            self.look()

    async def next(self) -> None:
        """Wait for the next look."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._turn.wait(), 5 * STATUS_EVERY_S)

    def look(self) -> None:
        """Take what lies on the desk; wake those who wait."""
        now_s = time.monotonic()
        n_shown = self._desk.wait(-1, 0)
        if n_shown != self._n_shown:
            self._n_shown, self._new_s = n_shown, now_s
        status = self._desk.status()
        self._start.update(status)
        self.n += 1
        message = status_message(status, self._start)
        message.update(
            n=self.n, silent_s=round(now_s - self._new_s, 1), guide=guide_message(self._desk.guide())
        )
        self.text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        for stream in self._streams:
            preview = self._desk.preview(stream)
            old = self.pictures.get(stream)
            if preview is not None and (old is None or _moment(old.preview) != _moment(preview)):
                self.pictures[stream] = Picture(preview, now_s)
        self._turn.set()
        self._turn = asyncio.Event()


def hello_message(streams: Sequence[Stream], labels: Sequence[str], warning: str) -> str:
    """Return the first message to a page: what its places, scales and keys are."""
    return json.dumps(
        {
            "kind": "hello",
            "streams": [stream.value for stream in streams],
            "scales": {stream.value: scale_colors(stream) for stream in streams},
            "labels": list(labels),
            "warning": warning,
        }
    )


def status_message(status: TakeStatus, start: TakeStart) -> dict[str, Any]:
    """Return a status in the page's words."""
    word, hint = STATES.get(status.state, (status.state.upper(), ""))
    timed = status.state in (*RUNNING, "closing") and status.seconds > 0
    markers = status.markers[-MAX_MARKERS:]
    return {
        "kind": "status",
        "state": status.state,
        "word": word,
        "hint": hint,
        "running": status.state in RUNNING,
        "elapsed": time_words(status.elapsed_s),
        "left": left_words(status.seconds - status.elapsed_s) if timed else NONE,
        "planned": time_words(status.seconds) if status.seconds > 0 else "",
        "done": min(1.0, max(0.0, status.elapsed_s / status.seconds)) if timed else 0.0,
        "rig": _cut(status.rig),
        "session": _cut(Path(status.session).name) if status.session else "",
        "subject": _cut(status.subject),
        "ticks": f"{status.tick + 1:,} / {status.n_ticks:,}" if timed else NONE,
        "skew": skew_words(status),
        "problems": [_cut(line) for line in status.problems[:MAX_PROBLEMS]],
        "missing": [
            _cut(one.name)
            for one in status.recorders[:MAX_RECORDERS]
            if one.state == "absent" and not one.gone
        ],
        "n_problems": len(status.problems),
        "recorders": [_short(asdict(recorder_row(one))) for one in status.recorders[:MAX_RECORDERS]],
        "markers": [
            {"at": start.words(marker), "label": _cut(marker.label), "source": _cut(marker.source)}
            for marker in markers
        ],
        "n_markers": len(status.markers),
        "step": _step_message(status.step),
        "notice": _cut(status.notice),
        "notice_is_bad": status.notice_is_bad,
        "can_start": status.can_start,
    }


def guide_message(guide: Guide | None) -> dict[str, Any] | None:
    """Return what the operator is to do in the page's words; None where nobody guides."""
    if guide is None:
        return None
    return {
        "hint": _cut(guide.hint),
        "now": _cut(guide.now),
        "missing": [_cut(line) for line in guide.missing[:MAX_PROBLEMS]],
        "n_missing": len(guide.missing),
        "enough": guide.enough,
        "trouble": _cut(guide.trouble),
        "cameras": [_guided_camera(camera) for camera in guide.cameras[:MAX_RECORDERS]],
    }


def _guided_camera(camera: GuideCamera) -> dict[str, Any]:
    """Return one camera's part: cells as a string of 0 and 1 per row, counts, and the outline it sees."""
    return {
        "name": _cut(camera.name),
        "stream": camera.stream.value,
        "cells": ["".join("1" if hit else "0" for hit in row) for row in camera.cells],
        "counts": [[_cut(one.label), one.n, one.wanted] for one in camera.counts],
        "sight": camera.sight,
        "outline": camera.outline,
    }


def picture_message(picture: Picture, now_s: float) -> bytes:
    """Return a picture for the page: length of the head (4 bytes, big-endian), head, JPEG."""
    preview = picture.preview
    head = {
        "stream": preview.stream.value,
        "low": _scale_end(preview.low, preview.unit),
        "high": _scale_end(preview.high, preview.unit),
        "age_s": round(now_s - picture.since_s, 2),
    }
    encoded = json.dumps(head).encode()
    return len(encoded).to_bytes(4, "big") + encoded + preview.jpeg


def _step_message(step: StepStatus | None) -> dict[str, Any] | None:
    if step is None:
        return None
    over_s = step.elapsed_s - step.seconds if step.seconds is not None else 0.0
    return {
        "number": step.number,
        "of": f"step {step.number + 1} of {step.n_steps}",
        "name": _cut(step.name),
        "text": _cut(step.text),
        "elapsed": time_words(step.elapsed_s),
        "left": "" if step.seconds is None else left_words(-over_s),
        "over": over_s > 0,
        "done": min(1.0, step.elapsed_s / step.seconds) if step.seconds else 0.0,
        "last": step.number + 1 >= step.n_steps,
    }


def _scale_end(value: float, unit: str) -> str:
    if not unit or unit == "counts":
        return ""
    return f"{value:.1f} {unit}" if unit.endswith("C") else f"{value:.0f} {unit}"


def _moment(preview: Preview) -> tuple[int, int]:
    return preview.frame_id, preview.host_time_ns


def _cut(text: str) -> str:
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Return a recorder's row with bounded texts and lists."""
    row["health"] = [[_cut(label), _cut(value)] for label, value in row["health"][:8]]
    row["problems"] = [_cut(line) for line in row["problems"][:8]]
    return {key: _cut(value) if isinstance(value, str) else value for key, value in row.items()}
