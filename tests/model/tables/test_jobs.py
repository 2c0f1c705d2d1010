from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.model.tables.jobs import Settings, Work, split_of, work_for
from mavfer.model.tables.plan import CORE, NAMES, planned
from mavfer.preprocess.dataset.record import read_record

SETTINGS = Settings(size="small", split="kfold3", folds=(0, 1, 2), seeds=(0, 1))


def work(dataset: Path, *names: str, settings: Settings = SETTINGS) -> Work:
    return work_for(planned(names, fps=4.0), dataset=dataset, runs=dataset / "runs", settings=settings)


def test_a_network_of_two_tables_is_trained_once_per_fold_and_seed(folds_dataset: Path):
    found = work(folds_dataset, "IV", "VI")
    systems = set(planned(("IV",), fps=4.0)[0].systems) | set(planned(("VI",), fps=4.0)[0].systems)
    assert len(systems) == 9  # of ten rows, the whole MRAN is in both
    assert len(found.jobs) == len(systems) * 3 * 2
    assert len({job.folder for job in found.jobs}) == len(found.jobs)


def test_every_listed_network_can_be_trained_on_a_whole_dataset(folds_dataset: Path):
    for size in ("small", "full"):
        found = work(folds_dataset, *NAMES, settings=replace(SETTINGS, size=size))
        assert not found.impossible


def test_all_folds_of_the_first_seed_come_before_any_second_seed(folds_dataset: Path):
    jobs = work(folds_dataset, *NAMES).jobs
    seeds = [job.seed for job in jobs]
    assert seeds == sorted(seeds)
    core = {system for table in planned(CORE, fps=4.0) for system in table.systems}
    for seed in (0, 1):
        of_core = [job.system in core for job in jobs if job.seed == seed]
        assert of_core == sorted(of_core, reverse=True)


def test_the_systems_come_first(folds_dataset: Path):
    jobs = work(folds_dataset, *NAMES).jobs
    (table,) = planned(("systems",), fps=4.0)
    assert [job.system for job in jobs[: 3 * len(table.systems)]] == [
        s for s in table.systems for _ in range(3)
    ]


def test_what_changes_a_result_changes_the_folder_and_what_does_not_does_not(folds_dataset: Path):
    first = work(folds_dataset, "IX").jobs[0].address
    assert work(folds_dataset, "systems", "IX").jobs[0].address == first
    assert work(folds_dataset, "IX", settings=replace(SETTINGS, device="cpu")).jobs[0].address == first
    for changed in (
        replace(SETTINGS, steps=7),
        replace(SETTINGS, precision="bf16"),
        replace(SETTINGS, dimensions=("valence", "arousal")),
        replace(SETTINGS, size="full"),
        replace(SETTINGS, split="default", folds=(None,)),
    ):
        assert work(folds_dataset, "IX", settings=changed).jobs[0].address != first


def test_another_file_of_weights_is_another_run(folds_dataset: Path, tmp_path: Path):
    path = tmp_path / "weights.pt"
    addresses = set()
    for content in (b"a", b"b"):
        path.write_bytes(content)
        settings = replace(SETTINGS, weights={"cnn": str(path)})
        addresses.add(work(folds_dataset, "IX", settings=settings).jobs[0].address)
    assert len(addresses) == 2


def test_a_stream_that_the_dataset_lacks_leaves_out_its_networks_and_no_others(
    make_dataset: Callable[..., Path], tmp_path: Path
):
    splits = {"S01": "train", "S02": "validation", "S03": "test"}
    path = make_dataset(tmp_path / "d", splits=splits, streams=(Stream.COLOR, Stream.DEPTH))
    settings = Settings(size="small")
    found = work(path, "IV", settings=settings)
    reasons = {system.key: why for system, why in found.impossible.items()}
    without = ("mran-thermal", "mran-color-thermal", "mran-color-depth-thermal")
    assert reasons == dict.fromkeys(without, "the dataset has no thermal")
    assert {job.system.key for job in found.jobs} == {"uran-color", "mran-depth", "mran-color-depth"}


def test_missing_weights_are_told_as_the_reason(folds_dataset: Path, tmp_path: Path):
    settings = replace(SETTINGS, weights={"cnn": str(tmp_path / "none.pt")})
    found = work(folds_dataset, "IX", settings=settings)
    assert ["none.pt" in why for why in found.impossible.values()] == [True]


def test_the_first_split_in_folds_is_taken_where_none_is_named(folds_dataset: Path):
    record = read_record(folds_dataset)
    assert split_of(record, name=None, n_folds=None) == ("kfold3", (0, 1, 2))
    assert split_of(record, name=None, n_folds=3) == ("kfold3", (0, 1, 2))
    assert split_of(record, name="default", n_folds=None) == ("default", (None,))
    with pytest.raises(DatasetError, match=r"split in 5 folds.*mavfer dataset split"):
        split_of(record, name=None, n_folds=5)
    with pytest.raises(DatasetError, match="wanted a split 'x'"):
        split_of(record, name="x", n_folds=None)
