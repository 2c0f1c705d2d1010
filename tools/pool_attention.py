"""Say how the attention of several runs lies on the pixels that follow their label, over all test subjects.

    python tools/pool_attention.py RUN [RUN ...] [--clips N]

The runs are of one network on the folds of one split, as `mavfer tables` leaves them in TABLES/runs, so that
each subject is looked at by a network that never saw them. Which pixels follow the label is read off the
frames of all of these subjects (model/explain/telling.py). Prints a line per dimension and stream, in
multiples of what chance gives, with limits of 95 % over subjects, and as its last line one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path

from mavfer.errors import MavferError, UsageError
from mavfer.facts import plain
from mavfer.model.checkpoint import open_run
from mavfer.model.data.opening import source_of
from mavfer.model.evaluation.unseen import split_used, unseen_sessions
from mavfer.model.explain.attention import maps_of_clips
from mavfer.model.explain.explain import spread
from mavfer.model.explain.saliency import maps_of
from mavfer.model.explain.telling import MapSums, added, on_telling, pixels_that_tell, sums_of
from mavfer.preprocess.dataset.clips import open_dataset


def main() -> int:
    """Look, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--clips", type=int, help="clips of each run, spread over its sessions; else all")
    asked = parser.parse_args()
    try:
        found = look(asked.runs, n_clips=asked.clips)
    except MavferError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(plain(found)))
    return 0


def look(runs: list[Path], *, n_clips: int | None) -> dict[str, object]:
    """Return what the runs' maps come to; a line of each stream is printed."""
    sums: list[MapSums] = []
    sessions, modalities, dimensions = [], (), ()
    for path in runs:
        run = open_run(path)
        record = run.record
        dataset = (run.path / record.dataset).resolve()
        split_name, fold = split_used(record, dataset, elsewhere=False, split_name=None, fold=None)
        data = open_dataset(dataset, split_name=split_name, fold=fold)
        source = source_of(record, unseen_sessions(record, data, "test"), data)
        if sums and (source.options.modalities, source.dimensions) != (modalities, dimensions):
            raise UsageError(f"wanted runs of one network, found other streams or dimensions: {path}")
        modalities, dimensions = source.options.modalities, source.dimensions
        _, maps = maps_of(run)
        clips = source.test_clips()
        clips = clips if n_clips is None else spread(clips, n_clips)
        for clip, weights in zip(clips, maps_of_clips(maps, source, clips), strict=True):
            sums.append(sums_of(source.sessions[clip.session].subject, weights))
        sessions += source.sessions
        print(f"{path.name}: {len(clips)} clips of {len(source.sessions)} sessions", file=sys.stderr)
    subjects = added(sums)
    facts = {}
    for dimension, tells in pixels_that_tell(sessions, modalities, dimensions).items():
        for stream, r_squared in tells.items():
            found = on_telling(subjects, r_squared)
            facts.setdefault(dimension, {})[stream] = found
            print(
                f"{dimension}, {stream}: {found.area:.1%} of the crop follows (r squared up to "
                f"{found.highest:.2f}); times chance: highest weight {found.peaks}, all weight {found.weight}"
            )
    return {"n_runs": len(runs), "n_subjects": len(subjects), "attention_over_chance": facts}


if __name__ == "__main__":
    sys.exit(main())
