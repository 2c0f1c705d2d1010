from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.model.evaluation.evaluation_file import EVALUATION_NAME
from mavfer.model.evaluation.pooling import pooled_runs
from mavfer.model.tables.figures import Figures, liveliest_clip
from mavfer.model.tables.jobs import Job, Settings, Work
from mavfer.model.tables.page import About, tables_page
from mavfer.model.tables.plan import Order, Row, System, Table
from mavfer.model.tables.printed import Printed
from mavfer.model.tables.results import table_results, usable
from mavfer.model.tables.worker import train_and_evaluate
from mavfer.model.tables.written import order_lines, table_lines

MakeJob = Callable[..., Job]
SETTINGS = Settings(size="small", split="kfold3", folds=(0, 1, 2), seeds=(0, 1))
ONE, TWO = System("transformer"), System("transformer", ("color", "thermal"))
TABLE = Table(
    "IV",
    "Two systems",
    (
        Row("constant", constant=True),
        Row("one", ONE, (Printed(0.1, 0.2, 0.3),)),
        Row("two", TWO),
        Row("other", printed=(Printed(None, None, 0.4),)),
    ),
    orders=(Order("two", "one"),),
    source="nowhere",
)


@pytest.fixture
def work(folds_dataset: Path, tiny_job: MakeJob) -> Work:
    """Return two systems over three folds; of the second one, fold 2 is not done."""
    jobs = [
        tiny_job(f"{len(system.modalities)}-{fold}", system.modalities, split="kfold3", fold=fold)
        for system in (ONE, TWO)
        for fold in range(3)
    ]
    for job in jobs[:5]:
        config = job.config.model_dump(mode="json")
        train_and_evaluate({"dataset": folds_dataset, "out": job.folder, "config": config}, lambda _: None)
    return Work(tuple(jobs), {})


def test_seeds_whose_folds_are_all_there_count_and_else_the_seed_with_most():
    whole = {(0, 0), (0, 1), (0, 2)}
    assert set(usable(whole | {(1, 0)}, SETTINGS)) == whole
    assert usable({(0, 0), (1, 0), (1, 2)}, SETTINGS) == [(1, 0), (1, 2)]
    assert usable(set(), SETTINGS) == []


def test_the_results_of_finished_runs_and_what_is_missing(work: Work):
    settings = Settings(size="small", split="kfold3", folds=(0, 1, 2))
    (found,) = table_results([TABLE], work, settings, failed={"2-2": "its process died"})
    one, two = found.by_system[ONE], found.by_system[TWO]
    assert one.whole
    assert one.pooled is not None
    assert two.pooled is not None
    runs = [job.folder for job in work.by_system[ONE]]
    assert one.pooled.scores == pooled_runs(runs).scores  # the same as `mavfer evaluate` of all of them
    assert len(one.pooled.subjects) == 6
    assert two.pooled.folds == (0, 1)
    assert two.why_not == "1 of 3 runs are missing; its process died"

    (verdict,) = found.verdicts
    assert (verdict.seeds, verdict.folds) == (1, 2)  # on what both have
    assert verdict.paired is not None
    assert not verdict.whole
    assert verdict.paired.a == pytest.approx(two.pooled.scores["valence"]["ccc"])
    assert verdict.paired.b != pytest.approx(one.pooled.scores["valence"]["ccc"])

    lines = {line["row"]: line for line in table_lines(found, settings, data="simulated")}
    assert lines["one"]["ccc"] == one.pooled.scores["valence"]["ccc"]
    assert lines["one"]["printed_ccc"] == "0.3"
    assert lines["other"]["printed_ccc"] == "0.4"
    assert lines["other"]["ccc"] is None
    assert lines["constant"]["ccc"] == pytest.approx(0, abs=0.1)
    assert lines["two"]["missing"] == two.why_not
    assert order_lines(found, data="simulated")[0]["difference"] == verdict.paired.difference

    about = About("simulated dataset d", True, n_subjects=6, finished=5, failed={})
    page = tables_page([found], work, settings, about, Figures()).html()
    shown = one.pooled.scores["valence"]["ccc"]
    for wanted in (
        f"{shown:.3f} [",
        "0.300",
        "two &gt; one",
        "simulated",
        "1 of 3 runs are missing",
        "nowhere",
    ):
        assert wanted in page
    assert " so far</" in page  # the verdict of two folds is none yet
    assert '"CCC"><strong>' not in page  # rows of other subjects have no best one
    assert "-0.000" not in page

    (work.jobs[0].folder / EVALUATION_NAME).write_text("{}", encoding="utf-8")
    (found,) = table_results([TABLE], work, settings, failed={})
    assert not found.by_system[ONE].whole
    assert "wanted schema" in found.by_system[ONE].why_not


def test_arousal_stands_beside_no_printed_number():
    settings = Settings(size="small", split="kfold3", folds=(0, 1, 2), dimensions=("arousal",))
    (found,) = table_results([TABLE], Work((), {ONE: "no", TWO: "no"}), settings, failed={})
    lines = table_lines(found, settings, data="d")
    assert all(line["printed_ccc"] == "" for line in lines)
    assert [line["missing"] for line in lines] == ["", "no", "no", ""]


def test_the_liveliest_clip_is_where_labels_span_most_and_all_are_known():
    labels = np.array([0, 0, 0, 0.5, 0, 0, np.nan, 9, 0, 0, -0.6, 0.6])
    assert liveliest_clip(labels, n_frames=3) == 7 - 0
    labels[7] = 0
    assert liveliest_clip(labels, n_frames=3) == 9
    assert liveliest_clip(np.full(5, np.nan), n_frames=3) == 0
