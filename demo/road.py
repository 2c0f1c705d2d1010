"""The whole road on the simulated rig: record, calibrate, rate, build, train, evaluate, report.

The demo's folder appears under its name when the last stage is done; until then everything lies in a hidden
folder beside it, which goes if the demo stops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import new_folder

if TYPE_CHECKING:
    from .page import DemoResults
    from .stages import OnStage, Road, Stages

SUMMARY_NAME, REPORT_NAME = "summary.json", "report.html"
CALIBRATION_PAGE = "calibration.html"


def run_demo(
    out: Path,
    *,
    quick: bool = False,
    wire: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    on_stage: OnStage = lambda _: lambda _done, _total: None,
) -> dict[str, Any]:
    """Walk the whole road into the folder `out` and return its summary.

    Parameters
    ----------
    quick : the small road; its scores mean little
    wire : film the take in real time with the real thermal camera's driver, over loopback
    overwrite : replace the demo that stands at `out`, once the new one is complete
    seed : of the scenes, the raters and the training
    on_stage : called with the name of each stage; returns what is told of its progress (done, total)

    Raises
    ------
    OutputError
        Something stands at `out` and `overwrite` is False, or what stands there is no demo.
    MavferError
        A stage failed; nothing of this demo is left.
    """
    from .stages import FULL, QUICK, Stages

    if wire:
        from ..capture.gentl.build import build_producer

        build_producer()  # now, not after the minutes that come before it is wanted
    with new_folder(out, marker=SUMMARY_NAME, overwrite=overwrite) as folder:
        return _walk(
            folder, QUICK if quick else FULL, quick=quick, wire=wire, seed=seed, stages=Stages(on_stage)
        )


def _walk(folder: Path, road: Road, *, quick: bool, wire: bool, seed: int, stages: Stages) -> dict[str, Any]:
    from ..capture.simulated.truth import read_truth, truth_path
    from . import stages as stage_of
    from .page import DemoResults, write_report
    from .truth import calibration_errors

    rig = stage_of.write_rig(folder / "rig.toml")
    board, *takes = stage_of.plan_takes(folder / "sessions", rig, road, seed=seed, wire=wire)
    stage_of.record_takes([board], stages, "record the calibration board")
    stage_of.record_takes(takes[:1], stages, "record a face in real time")
    stage_of.record_takes(takes[1:], stages, "record the other faces")
    sessions = tuple(take.path for take in takes)
    sync = stage_of.check_sessions((board.path, *sessions), stages)
    calibration = stage_of.calibrate(board.path, folder / "calibration.toml", stages)
    with stages("compare with the truth"):
        truths = [read_truth(truth_path(path)) for path in sessions]
        errors = calibration_errors(calibration, truths)
    stage_of.show_calibration(calibration, [board.path, sessions[0]], folder / CALIBRATION_PAGE, stages)
    agreements = stage_of.verify_sessions(calibration, sessions, stages)
    stage_of.rate(sessions, folder / "traces", stages, seed=seed)
    aligned_share = stage_of.build(sessions, folder, road, stages, seed=seed)
    runs, evaluations = stage_of.learn(folder, road, stages, seed=seed)
    results = DemoResults(
        quick=quick,
        board=board.path,
        sessions=sessions,
        sync=sync,
        calibration=calibration,
        errors=errors,
        agreements=agreements,
        calibration_page=CALIBRATION_PAGE,
        traces=folder / "traces",
        dataset=folder / "dataset",
        aligned_share=aligned_share,
        runs=runs,
        evaluations=evaluations,
        stages=tuple(stages.times),
    )
    with stages("report"):
        write_report(folder / REPORT_NAME, results)
    summary = summarize(results, seconds={stage.name: stage.seconds for stage in stages.times})
    (folder / SUMMARY_NAME).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def summarize(results: DemoResults, *, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of `summary.json`; all come from simulated sessions."""
    from .page import scores_table
    from .recorded import frames_lost, frames_stored, worst_skew_ms

    return {
        "simulated": True,
        "sessions": len(results.recorded),
        "frames": frames_stored(results.sync),
        "frames_lost": frames_lost(results.recorded, results.sync),
        "skew_ms": worst_skew_ms(results.sync),
        "calibration": results.errors.as_table(),
        "verdicts": [agreement.verdict for agreement in results.agreements],
        "aligned_share": results.aligned_share,
        "scores": scores_table(results.evaluations),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def in_words(summary: Mapping[str, Any]) -> list[str]:
    """Return the summary's main figures, a line each."""
    lost = sum(summary["frames_lost"].values())
    error = summary["calibration"]
    return [
        f"simulated sessions {summary['sessions']}, frames {sum(summary['frames'].values())}, lost {lost}",
        f"simulated depth to color error {error['depth_to_color_px']['median']:.3f} px, "
        f"{error['depth_mm']['median']:.2f} mm at the face",
        f"simulated faces aligned {100 * summary['aligned_share']:.1f} %",
        *(
            f"simulated CCC of {model}: valence {scores['valence']['ccc']:.3f}, "
            f"arousal {scores['arousal']['ccc']:.3f}"
            for model, scores in summary["scores"].items()
        ),
    ]
