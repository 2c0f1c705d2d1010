"""Make a dataset of simulated subjects from nothing: recorded, calibrated, rated, built, and split in folds.

    python tools/make_simulated.py --out DATASET --subjects 24 --seconds 60 --fps 8 --folds 5

Every take is filmed by the simulated rig on its virtual clock, as `mavfer record` films it, every third one
in poor light; the board is solved once; three simulated raters rate each session. DATASET gets a split in
folds (`kfold5`) beside the default one, and subjects.csv with each subject's sex and skin tone. Sessions that
stand already are not recorded again, so that a cut run goes on.
"""

import argparse
import csv
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from mavfer.annotate.simulated import simulated_traces
from mavfer.annotate.trace import write_trace
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.calibrate.solver.solve import calibrate_session
from mavfer.capture.board import Board
from mavfer.capture.master import record
from mavfer.capture.rig import Rig, read_rig, simulated_rig_file
from mavfer.capture.session import open_session
from mavfer.capture.simulated.subjects import subject
from mavfer.capture.simulated.truth import read_truth, truth_path
from mavfer.errors import MavferError
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.dataset.record import ClipConfig, SplitConfig, read_record
from mavfer.preprocess.splits.draw import draw_folds
from mavfer.preprocess.splits.store import add_split
from mavfer.preprocess.splits.summary import sessions_in_split

BOARD = "9x6x25mm"
BOARD_S = 40.0
POOR_LIGHT = 0.3
RATER_LAG_S = 1.75
DARK, LIGHT = 110, 170
"""Mean of a skin's sRGB up to which it is called dark, and from which light."""


def main() -> None:
    """Make the dataset and print what it holds as one line of JSON."""
    options = _options()
    started_s = time.monotonic()
    work: Path = options.sessions or options.out.with_name(f"{options.out.name}-sessions")
    work.mkdir(parents=True, exist_ok=True)
    (work / "rig.toml").write_text(simulated_rig_file(), encoding="utf-8")
    names = [f"S{i + 1:02d}" for i in range(options.subjects)]
    takes = [("board", BOARD_S, options.seed)]
    takes += [(name, options.seconds, options.seed + i) for i, name in enumerate(names)]
    missing = [(work, *take) for take in takes if not _is_complete(work / take[0])]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=spawned) as pool:
        for name in pool.map(_record, missing):
            print(f"recorded {name}", flush=True)
    calibration = work / "calibration.toml"
    if not calibration.is_file():
        write_calibration(calibration, calibrate_session(open_session(work / "board"), Board.parse(BOARD)))
    for i, name in enumerate(names):
        truth = read_truth(truth_path(work / name))
        for trace in simulated_traces(truth, session=name, seed=options.seed + i):
            write_trace(work / "traces", trace, overwrite=True)
    report = build_dataset(
        [work / name for name in names],
        calibration=calibration,
        traces=work / "traces",
        out=options.out,
        config=ClipConfig(fps=options.fps, rater_lag_s=RATER_LAG_S),
        split=SplitConfig(seed=options.seed),
        n_workers=options.jobs,
        overwrite=options.out.exists(),
    )
    built = sessions_in_split(options.out, read_record(options.out).built)
    if options.folds:
        scheme = draw_folds(built, options.folds, name=f"kfold{options.folds}", seed=options.seed)
        add_split(options.out, scheme, overwrite=True)
    _write_subjects(options.out / "subjects.csv", names)
    found = {"subjects": len(names), "frames": report.n_frames, "failed": len(report.failed)}
    print(json.dumps(found | {"seconds": round(time.monotonic() - started_s, 1)}))


def _record(take: tuple[Path, str, float, int]) -> str:
    work, name, seconds, seed = take
    rig: Rig = read_rig(work / "rig.toml")
    changes: dict[str, object] = {"clock": "virtual", "seed": seed}
    if name == "board":
        changes |= {"target": "board", "board": BOARD}
    elif seed % 3 == 2:
        changes["light"] = POOR_LIGHT
    filming = rig.model_copy(update={"simulated": rig.scene.model_copy(update=changes)})
    record(work / name, rig=filming, subject=name, seconds=seconds, overwrite=(work / name).exists())
    return name


def _is_complete(path: Path) -> bool:
    try:
        return open_session(path).record.state == "complete"
    except MavferError:
        return False


def _write_subjects(path: Path, names: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "sex", "skin tone"])
        for name in names:
            person = subject(name)
            female = sum(weight for macro, weight in person.people.items() if macro.endswith("female"))
            tone = sum(person.skin) / 3
            word = "dark" if tone <= DARK else "light" if tone >= LIGHT else "medium"
            writer.writerow([name, "female" if female >= 0.5 else "male", word])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the dataset")
    parser.add_argument("--sessions", type=Path, help="where recordings go; else beside the dataset")
    parser.add_argument("--subjects", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each take")
    parser.add_argument("--fps", type=float, default=8.0, help="frames per second of the dataset")
    parser.add_argument("--folds", type=int, default=5, help="0: no split in folds")
    parser.add_argument("--jobs", type=int, default=2, help="processes that record and build")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
