"""The report of a dataset: what it says of drawn sessions, that it stands alone, and that bad ones are named.

Every page is made once; all of them together take about 15 s.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from mavfer.capture.streams import Stream
from mavfer.command_line import command_line
from mavfer.errors import DatasetError, OutputError
from mavfer.preprocess.dataset.record import Part, Reason, SplitScheme, read_record
from mavfer.preprocess.report import cards, looks, losses
from mavfer.preprocess.report.page import dataset_page

from .conftest import Take

GOLDEN = Path(__file__).parents[1] / "golden"
COLOR, DEPTH, THERMAL = Stream.COLOR, Stream.DEPTH, Stream.THERMAL
EVIL = "<b>dark</b> & $x^2$ \"'"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, make_dataset: Callable[..., Path]) -> Path:
    """Four sessions that lost frames for most reasons, and one that failed."""
    return make_dataset(
        tmp_path_factory.mktemp("report") / "lab",
        [
            Take(
                "clean",
                "S02",
                remarks=("rater carl rated the first 30 s only",),
            ),
            Take(
                "busy",
                "S01",
                lost={
                    COLOR: [(Reason.NO_FACE, 10, 16), (Reason.OCCLUDED, 20, 24), (Reason.FILLED, 30, 31)],
                    THERMAL: [(Reason.UNSYNCHRONISED, 40, 42), (Reason.PLANE, 44, 46)],
                    DEPTH: [(Reason.NO_DEPTH, 44, 46), (Reason.DAMAGED, 47, 48)],
                },
                seed=1,
            ),
            Take("knocked", "S01", seed=2, geometry="knocked", raters=("dora", "eve")),
            Take("unrated", "S03", seed=3, raters=()),
            Take("lost", "S04", error=f"wanted a face, found {EVIL}"),
        ],
    )


@pytest.fixture(scope="module")
def page(lab: Path) -> str:
    return dataset_page(lab).html()


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_page_points_at_nothing_outside_itself_and_runs_no_script(page: str):
    assert re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)[^"]*"', page) == []
    assert "<script" not in page


def test_a_failed_session_is_named_with_its_error_before_those_that_were_built(page: str):
    assert 'badge bad">failed<' in page
    assert page.index("wanted a face, found") < page.index("The sessions in the dataset")


def test_what_people_wrote_is_text_and_never_markup(page: str):
    assert "<b>dark</b>" not in page
    assert "&lt;b&gt;dark&lt;/b&gt; &amp; $x^2$" in page


def test_every_reason_that_occurs_is_explained_and_no_other(page: str):
    table = page[page.index("Rows by stream and reason") :]
    table = table[: table.index("</table>")]
    for word in ("ok", "no face", "occluded", "filled", "unsynchronised", "plane", "no depth", "damaged"):
        assert f">{word}<" in table
    for word in ("out of view", "not recorded", "not sampled"):
        assert f">{word}<" not in table


def test_the_table_of_reasons_counts_every_row_once(page: str):
    table = page[page.index("Rows by stream and reason") :]
    table = table[: table.index("</table>")]
    column = [
        int(cells[0].split(" ")[0])
        for line in re.findall(r"<tr>(.*?)</tr>", table)
        if (cells := re.findall(r'<td data-name="thermal">([\d]+ )', line))
    ]
    assert sum(column) == 4 * 48


def test_remarks_and_a_knocked_camera_are_said(page: str):
    assert "rater carl rated the first 30 s only" in page
    assert "Geometry, knocked: edges lie 0.4 px" in page
    assert 'badge bad">knocked<' in page


def test_frames_to_look_at_carry_session_time_and_reason(page: str):
    assert "busy, 5.5 s: color occluded" in page  # the middle of rows 20 to 24, four a second
    assert "busy, 7.5 s: color filled" in page
    assert "busy, 11.2 s: thermal plane" in page


def test_every_picture_and_plot_has_words_for_whoever_cannot_see_it(page: str):
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img[^>]*>", page))
    assert all(re.search(r'aria-label="[^"]+"', tag) for tag in re.findall(r"<svg[^>]*>", page))


def test_sessions_without_labels_are_counted_be_it_but_one(page: str):
    assert "from 5 raters. 1 session has no labels." in text_of(page)


def test_simulated_numbers_are_marked(page: str):
    assert page.count('class="mark">simulated<') > 20


def test_the_same_dataset_gives_the_same_page(lab: Path, page: str):
    told: list[tuple[int, int]] = []
    assert dataset_page(lab, on_progress=lambda *now: told.append(now)).html() == page
    assert told == [(number, len(told)) for number in range(len(told))]


def test_raters_of_a_gold_standard_are_told_as_averaged_and_not_as_rated(tmp_path, make_dataset):
    how = "valence: gold standard by mean over raters; a lag of 2 s taken out"
    takes = [Take("a", remarks=(how,)), Take("b", "S02", seed=1, remarks=(how,))]
    says = text_of(dataset_page(make_dataset(tmp_path / "gold", takes)).html())
    assert "2 sessions have labels from gold standards, and their raters stand here as they were" in says
    assert "valence, pooled as averaged" in says
    assert "pooled as rated" not in says


@pytest.mark.parametrize(
    ("takes", "says"),
    [
        ([Take("single", n_frames=1)], "The session was built."),
        ([Take("video", streams=(COLOR,), raters=("anna",))], "No session was rated by two raters"),
        ([Take("unrated", raters=())], "No frame is labelled"),
        ([Take("blind", lost={COLOR: [(Reason.NO_FACE, 0, 48)]})], "No session has an aligned face"),
    ],
    ids=["one frame", "color alone, one rater", "nobody rated", "no face at all"],
)
def test_a_small_dataset_has_a_report_too(tmp_path, make_dataset, takes, says):
    assert says in text_of(dataset_page(make_dataset(tmp_path / "small", takes)).html())


def test_a_dataset_of_which_nothing_was_built_says_why(tmp_path, make_dataset):
    folder = make_dataset(tmp_path / "none", [Take("a", error="the disk was full")])
    html = dataset_page(folder).html()
    assert "the disk was full" in html
    assert "Why frames are missing" not in html


def test_a_session_whose_file_is_damaged_or_gone_is_named_and_the_others_are_shown(tmp_path, make_dataset):
    folder = make_dataset(tmp_path / "hurt", [Take("good"), Take("short", "S02"), Take("gone", "S03")])
    path = folder / "short.h5"
    path.write_bytes(path.read_bytes()[:3000])
    (folder / "gone.h5").unlink()
    html = dataset_page(folder).html()
    assert html.count('badge bad">unreadable<') == 2
    assert "found no such file" in html
    assert "good · S01" in html


def test_a_reason_that_no_mavfer_gives_makes_a_session_unreadable(tmp_path):
    folder = tmp_path / "odd"
    shutil.copytree(GOLDEN / "dataset-v1", folder)
    assert "wanted reasons of 11 kinds, found [11, 12" in dataset_page(folder).html()


def test_a_dataset_of_an_older_schema_is_reported_without_what_it_lacks(tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(GOLDEN / "dataset-v1", folder)
    with h5py.File(
        folder / "take.h5", "r+"
    ) as file:  # its columns hold counting numbers: reasons as recorded
        for stream in Stream:
            file[f"reason_{stream}"][:] = np.repeat([Reason.OK, Reason.NO_FACE], 10).astype(np.uint8)
    html = text_of(dataset_page(folder).html())
    assert "Not in this dataset:" in html
    assert "sharpness, brightness" in html[html.index("Not in this dataset") :][:200]
    assert "How each tick of the sessions fared is not in this dataset" in html
    assert "wanted a face, found none" in html


def test_a_split_in_time_and_one_in_folds_are_told(tmp_path, make_dataset):
    parts = (Part(split="train", start=0, stop=32), Part(split="test", start=32, stop=48))
    in_time = SplitScheme(by="time", parts={"a": parts})
    html = text_of(dataset_page(make_dataset(tmp_path / "time", [Take("a")], scheme=in_time)).html())
    assert "in time: all splits show the same person" in html
    folds = SplitScheme(by="fold", folds={"S01": 0, "S02": 1, "S03": 2})
    takes = [Take(f"t{k}", f"S0{k}", seed=k) for k in (1, 2, 3)]
    html = text_of(dataset_page(make_dataset(tmp_path / "folds", takes, scheme=folds)).html())
    assert "in 3 folds of subjects, of which this is fold 0" in html
    assert "tested in fold 2" in html


def test_subjects_that_differ_in_case_alone_are_one_person(tmp_path, make_dataset):
    folder = make_dataset(tmp_path / "case", [Take("a", "s01"), Take("b", "S01", seed=1)])
    html = text_of(dataset_page(folder).html())
    assert re.search(r"1 subject ", html)
    assert "s01 · a" in html
    assert "s01 · b" in html


def test_of_many_sessions_those_that_lost_most_are_shown_and_the_others_are_counted(
    tmp_path, make_dataset, monkeypatch
):
    for module, name, value in (
        (cards, "MOST_CARDS", 3),
        (losses, "MOST_TIMELINES", 2),
        (losses, "MOST_BARS", 4),
        (looks, "MOST_MEAN_FACES", 5),
    ):
        monkeypatch.setattr(module, name, value)
    takes = [
        Take(f"take-{k}", f"S0{k}", seed=k, n_frames=24, lost={COLOR: [(Reason.NO_FACE, 0, k)]})
        for k in range(1, 8)
    ]
    html = dataset_page(make_dataset(tmp_path / "many", takes)).html()
    words = text_of(html)
    assert "These are the 3 of 7 sessions that lost most" in words
    assert "and 5 that lost less than these" in words
    assert "3 that lost less are left to the table" in words
    assert "the mean faces of the other 2 sessions" in words
    card_section = html[html.index(">Session by session</h2>") :]
    assert re.findall(r"<h3>(take-\d)", card_section) == ["take-5", "take-6", "take-7"]


def test_how_a_subject_was_told_names_the_sessions_in_which_it_was_so():
    text = text_of(dataset_page(GOLDEN / "dataset-v2").html())
    entries = read_record(GOLDEN / "dataset-v2").built
    named = ", ".join(sorted(entry.id for entry in entries if entry.subject_choice))
    assert re.search(rf"the only face\s+{sum(bool(e.subject_choice) for e in entries)}\s+{named}", text)


def test_label_distances_say_to_what(page: str):
    assert "to train" in text_of(page)


def test_a_dataset_without_a_record_is_refused_in_one_line(tmp_path):
    with pytest.raises(DatasetError, match="wanted a dataset folder"):
        dataset_page(tmp_path)


def run(*words: object):
    return CliRunner().invoke(command_line(), ["dataset", "report", *map(str, words)])


def test_the_command_writes_the_page_and_never_over_another_unasked(tmp_path, make_dataset):
    folder = make_dataset(tmp_path / "single", [Take("single", n_frames=1)])
    first = run(folder)
    assert first.exit_code == 0, first.output
    assert first.stdout.strip() == f"wrote the report: {folder / 'report.html'}"
    assert isinstance(run(folder).exception, OutputError)
    assert run(folder, "--overwrite").exit_code == 0


def test_the_command_refuses_a_folder_as_the_page_before_it_reads_anything(lab: Path, tmp_path: Path):
    result = run(lab, "--out", tmp_path)
    assert isinstance(result.exception, OutputError)
    assert "wanted a file name" in str(result.exception)
