"""Scores while the cameras film: newest moment -> row -> newest clip -> score, and how late each one is.

Rows are made on a thread of their own, as often as asked; the network always gets the newest clip, so a
network that is slower than the rows gives fewer scores, none of them older than it has to be.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from ...calibrate.calibration import Calibration
from ...capture.streams import Stream
from ...errors import CalibrationError, MavferError, ModelError
from ...preprocess.dataset.record import ClipConfig
from ...preprocess.faces.landmarks import fit_landmarks
from ...preprocess.rows.cut import RowCutter
from ..checkpoint import Run
from .feed import Feed, LiveMoment
from .live_clip import LiveClip
from .live_report import LiveReport, LiveScore
from .scores import names_of_outputs

POLL_S = 0.2


def wanted_streams(run: Run) -> tuple[Stream, ...]:
    """Return what a run needs of a rig: color finds the face, and depth carries it into the other cameras."""
    seen = {Stream(name) for name in run.record.inputs.modalities} | {Stream.COLOR}
    if seen != {Stream.COLOR}:
        seen.add(Stream.DEPTH)
    return tuple(stream for stream in Stream if stream in seen)


def require_calibrated(run: Run, calibration: Calibration | None, *, rig: str) -> None:
    """Raise CalibrationError where the streams of a run cannot be brought together."""
    if calibration is None and wanted_streams(run) != (Stream.COLOR,):
        raise CalibrationError(
            f"{run.record.model} sees {', '.join(run.record.inputs.modalities)}: wanted a calibration of rig "
            f"{rig!r} to bring them together, found none; pass --calibration FILE, made by `mavfer calibrate`"
        )


class LiveScorer:
    """One network on one feed; `run` does the work.

    Parameters
    ----------
    run : its network is in evaluation mode, on `device`
    config : how the crops of its dataset were cut
    calibration : of the rig; None for color alone
    fps : rows per second, as nearly as the camera's own rate allows
    precision : "bf16" computes the network in bfloat16 where that is faster; scores differ by about 0.002
    """

    def __init__(
        self,
        run: Run,
        feed: Feed,
        *,
        config: ClipConfig,
        calibration: Calibration | None,
        fps: float,
        precision: str = "fp32",
        device: torch.device | str = "cpu",
    ) -> None:
        if fps < config.fps * 0.99:
            raise ModelError(
                f"wanted at least as many rows per second as the run's clips have ({config.fps:g}), "
                f"found {fps:g}; raise --fps"
            )
        self._calibration = calibration if wanted_streams(run) != (Stream.COLOR,) else None
        self._specs = [
            spec for spec in feed.specs if self._calibration is not None or spec.stream is Stream.COLOR
        ]
        self._run, self._feed, self._config, self._fps = run, feed, config, fps
        self._precision, self._device = precision, device
        self._streams = {spec.stream for spec in self._specs}
        self._cutter = self._new_cutter()
        self._clip = LiveClip(run.record.inputs, clip_fps=config.fps)
        self._changed = threading.Condition()
        self._newest: tuple[int, float] | None = None  # exposure and time of the last row with a face
        self._first_ns: int | None = None
        self._over = False
        self._problem: BaseException | None = None
        self.report = LiveReport(names_of_outputs(run))

    def run(
        self,
        *,
        seconds: float | None = None,
        on_score: Callable[[LiveScore], None],
        on_row: Callable[[float, bool], None] | None = None,
    ) -> LiveReport:
        """Score until `seconds` of rows are over, the cameras end, or Ctrl-C; return how it went.

        Parameters
        ----------
        on_score : told of every score, at once
        on_row : told of every row's time and whether the network's first stream shows the face in it
        """
        self._warm_up()
        self._feed.start()
        cutting = threading.Thread(
            target=self._cut_rows, args=(seconds, on_row), name="cut rows", daemon=True
        )
        cutting.start()
        try:
            while (due := self._next_due()) is not None:
                self._score(*due, on_score=on_score)
        except KeyboardInterrupt:
            pass  # this is how a person ends it
        finally:
            with self._changed:
                self._over = True
            cutting.join(5.0)
        if self._problem is not None:
            raise self._problem
        return self.report

    def _warm_up(self) -> None:
        """Let everything that is loaded or compiled at its first use be so before the cameras stream."""
        cutter = self._new_cutter()
        pictures = {
            spec.stream: np.zeros(spec.shape, spec.dtype)
            for spec in self._specs  # nobody is there
        }
        height, width = pictures[Stream.COLOR].shape[:2]
        box_px = np.array([width / 2 - 50, height / 2 - 50, width / 2 + 50, height / 2 + 50])
        points_px = fit_landmarks(pictures[Stream.COLOR], box_px).points_px
        row = cutter.empty(1)
        cutter.cut(row, pictures, points_px, time_s=0.0, lacking={}, filled=True)
        clip = LiveClip(self._run.record.inputs, clip_fps=1.0)
        for k in range(self._run.record.inputs.n_frames):
            shown = {name: column[0] for name, column in row.items()} | {"time_s": np.array(float(k))}
            clip.add(shown | {f"valid_{stream}": np.array(True) for stream in self._streams})
        found = clip.inputs(self._device)
        if found is not None:
            self._values(found[1])

    def _new_cutter(self) -> RowCutter:
        config = self._config
        return RowCutter(
            self._specs,
            self._calibration,
            size_px=config.size_px,
            mode=config.align,
            margin=config.margin,
        )

    def _next_due(self) -> tuple[int, float, dict[str, Tensor], float] | None:
        """Return the newest clip that was not scored yet, waiting for it; None when it is over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._over, timeout=POLL_S)
                if self._newest is None:
                    if self._over:
                        return None
                    continue
                exposed_ns, _ = self._newest
                self._newest = None
                clip, reference_s = self._clip.inputs(self._device), self._clip.reference_s
            if clip is not None:
                return exposed_ns, clip[0], clip[1], reference_s

    def _score(
        self,
        exposed_ns: int,
        t_s: float,
        inputs: dict[str, Tensor],
        reference_s: float,
        *,
        on_score: Callable[[LiveScore], None],
    ) -> None:
        begun_s = time.perf_counter()
        values = self._values(inputs)
        self.report.network_ms.append(1000 * (time.perf_counter() - begun_s))
        latency_ms = (self._feed.now_ns() - exposed_ns) / 1e6
        report = self.report
        report.n_scores += 1
        report.first_score_s = t_s if report.first_score_s is None else report.first_score_s
        report.last_score_s = t_s
        report.latencies_ms.append(latency_ms)
        on_score(LiveScore(t_s, values, latency_ms, reference_s))

    def _values(self, inputs: dict[str, Tensor]) -> tuple[float, ...]:
        kind = torch.device(self._device).type
        half = torch.autocast(kind, torch.bfloat16) if self._precision == "bf16" else nullcontext()
        with torch.inference_mode(), half:
            scores = self._run.network(inputs).float()
            if self._run.network.options.output == "classes":
                scores = scores.softmax(-1)
        scores = scores[0, -1] if scores.ndim == 3 else scores[0]  # of networks that score each frame: now
        if not bool(torch.isfinite(scores).all()):
            raise ModelError(f"wanted finite scores, the network gives others: {self._run.path}")
        return tuple(scores.cpu().tolist())

    def _cut_rows(self, seconds: float | None, on_row: Callable[[float, bool], None] | None) -> None:
        try:
            period_ns = 1e9 / self._fps - 0.5e9 / self._feed.camera_fps
            last_ns = -1
            while not self._over:
                moment = self._feed.next_moment(after_ns=last_ns)
                if moment is None:
                    break
                last_ns = moment.exposed_ns + round(max(0.0, period_ns))
                t_s, shown = self._take(moment)
                if on_row is not None:
                    on_row(t_s, shown)
                if seconds is not None and t_s >= seconds:
                    break
        except MavferError as error:
            self._problem = error
        except Exception as error:  # a thread's defect must not end in silence
            self._problem = error
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _take(self, moment: LiveMoment) -> tuple[float, bool]:
        """Make a moment's row; return its time, seconds since the first row, and whether it shows a face."""
        if self._first_ns is None:
            self._first_ns = moment.exposed_ns
        t_s = (moment.exposed_ns - self._first_ns) / 1e9
        pictures = {stream: one for stream, one in moment.pictures.items() if stream in self._streams}
        row = self._cutter.row(pictures, time_s=t_s)
        with self._changed:
            shown = self._clip.add(row)
            self.report.n_rows, self.report.last_row_s = self.report.n_rows + 1, t_s
            self.report.n_faces += shown
            if shown:
                self._newest = (moment.exposed_ns, t_s)
                self._changed.notify_all()
        return t_s, shown
