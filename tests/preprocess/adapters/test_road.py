"""The whole road: a corpus's folder -> sessions and traces -> a dataset -> URAN trained for a few steps."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train
from mavfer.preprocess.adapters.afew_va import find_afew_va
from mavfer.preprocess.adapters.bring_in import import_recordings
from mavfer.preprocess.adapters.recola import find_recola
from mavfer.preprocess.adapters.recording import Layout
from mavfer.preprocess.adapters.sewa import find_sewa
from mavfer.preprocess.adapters.video_csv import Columns, find_video_csv
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import ClipConfig

Find = Callable[[SimpleNamespace, Path, Any], Layout]
CORPORA: dict[str, Find] = {
    "recola": lambda corpora, folder, faces: find_recola(
        corpora.recola(folder, ["P16", "P17", "P19"], pictures=faces)
    ),
    "recola of avec": lambda corpora, folder, faces: find_recola(
        corpora.avec_recola(folder, ["train_1", "train_2", "dev_1"], pictures=faces), ratings="gold"
    ),
    "sewa": lambda corpora, folder, faces: find_sewa(
        corpora.sewa(folder, [f"SAH_C1_S018_P03{i}_VC1_0_19" for i in (1, 2, 3)], pictures=faces)
    ),
    "sewa of avec": lambda corpora, folder, faces: find_sewa(
        corpora.avec_sewa(folder, ["Train_DE_01", "Train_DE_02", "Devel_DE_01"], pictures=faces)
    ),
    "afew-va": lambda corpora, folder, faces: find_afew_va(
        corpora.afew_va(folder, {"001": "A", "002": "B", "003": "C"}, pictures=faces), fps=8
    ),
    "video-csv": lambda corpora, folder, faces: find_video_csv(
        corpora.video_csv(folder, ["anna", "ben", "cleo"], pictures=faces), columns=Columns()
    ),
}
TRAINED = ("recola", "sewa of avec")
"""The corpora of the paper; what is trained on does not tell where it comes from."""


@pytest.mark.parametrize("corpus", CORPORA)
def test_what_was_imported_is_built_and_trained_on(
    tmp_path: Path, corpora: SimpleNamespace, faces: Any, corpus: str
) -> None:
    layout = CORPORA[corpus](corpora, tmp_path / "corpus", faces)
    fates = import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    assert [fate.problem for fate in fates] == [""] * 3
    report = build_dataset(
        sorted((tmp_path / "s").iterdir()),
        calibration=None,
        traces=tmp_path / "t",
        out=tmp_path / "dataset",
        config=ClipConfig(fps=8, size_px=48),
        n_workers=1,
    )
    assert report.aligned_share == 1
    assert {session.subject for session in report.built} == {fate.subject for fate in fates}
    for session in open_dataset(tmp_path / "dataset").sessions:
        valence = session.read("valence", 0, 20)
        assert np.isfinite(valence).all()
        assert np.abs(valence).max() > 0.1
    if corpus not in TRAINED:
        return
    run = train(
        tmp_path / "dataset",
        config=TrainConfig(model="uran", size="small", epochs=1, batch=2, threads=1),
        out=tmp_path / "run",
    )
    assert set(run.record.training_subjects) < {fate.subject for fate in fates}
    assert not run.record.simulated
