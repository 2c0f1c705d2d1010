"""The gold standard's files: a golden one for ever, the same bytes again, one line for what is damaged."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.fusion.gold import fuse
from mavfer.annotate.fusion.gold_file import GoldFile, gold_file, read_gold, write_gold
from mavfer.annotate.fusion.recipe import Method, Recipe
from mavfer.annotate.trace import Trace, read_trace
from mavfer.errors import OutputError, TraceError

GOLDEN = Path(__file__).parent / "golden" / "golden.gold.arousal.csv"
TIME_S = np.arange(8) / 2


def made(*, session: str = "golden") -> GoldFile:
    a = Trace(session, "A", "arousal", TIME_S, np.array([0.0, 2, 4, 6, 6, 4, 2, 0]))
    b = Trace(session, "value", "arousal", TIME_S, np.array([1.0, 2, 4, np.nan, 5, 3, 3, -1]))
    recipe = Recipe(method=Method.EWE)
    return gold_file(
        fuse([a, b], TIME_S, recipe),
        TIME_S,
        recipe,
        session=session,
        dimension="arousal",
        simulated=False,
        software="mavfer golden",
        times="2 a second",
        traces_sha256=["0" * 64, "f" * 64],
    )


def test_the_golden_file_is_written_byte_for_byte(tmp_path: Path) -> None:
    path = write_gold(tmp_path, made())
    assert path.name == GOLDEN.name
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert path.with_suffix(".json").read_bytes() == GOLDEN.with_suffix(".json").read_bytes()


def test_the_golden_file_reads_as_what_was_written() -> None:
    found, wanted = read_gold(GOLDEN), made()
    assert found.header == wanted.header
    assert found.raters == ("A", "value")
    for name in ("time_s", "value", "per_rater"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_gaps_survive_their_file(tmp_path: Path) -> None:
    gold = made()
    holed = GoldFile(gold.header, gold.time_s, gold.value.copy(), gold.per_rater.copy())
    holed.value[2:4] = holed.per_rater[1, 5] = np.nan
    found = read_gold(write_gold(tmp_path, holed))
    np.testing.assert_array_equal(found.value, holed.value)
    np.testing.assert_array_equal(found.per_rater, holed.per_rater)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    write_gold(tmp_path, made())
    with pytest.raises(OutputError, match="pass --overwrite"):
        write_gold(tmp_path, made())
    write_gold(tmp_path, made(), overwrite=True)


def test_a_gold_standard_is_no_trace() -> None:
    with pytest.raises(TraceError, match="wanted a rater's trace, found a gold standard"):
        read_trace(GOLDEN)


def set_header(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        header = path.with_suffix(".json")
        header.write_text(json.dumps(json.loads(header.read_text()) | changes))

    return change


def set_line(line: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(path.read_text() + line)


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        (set_header(schema_version=2), "wanted gold standards of schema 1, found 2: made by a newer mavfer"),
        (set_header(kind="trace"), "wanted a gold standard's header, found something else"),
        (set_header(raters=[]), "wanted one or more raters"),
        (lambda path: path.with_suffix(".json").write_text("[1"), "wanted a gold standard's header"),
        (lambda path: path.with_suffix(".json").write_text("[]"), "wanted a gold standard's header"),
        (lambda path: path.with_suffix(".json").unlink(), "header, found nothing; was only a part"),
        (lambda path: path.unlink(), "wanted a gold standard, could not read it"),
        (lambda path: path.write_text("time_s,value\n0,0\n"), "wanted the columns time_s,value,A,value"),
        (lambda path: path.write_text(""), "wanted the columns time_s,value,A,value, found 'nothing'"),
        (lambda path: path.write_text("time_s,value,A,value\n"), "wanted times that increase"),
        (set_line("9,0.5\n"), "wanted 4 numbers, found '9,0.5' in line 10"),
        (set_line("9,x,0,0\n"), "wanted 4 numbers, found '9,x,0,0' in line 10"),
        (set_line("1,0,0,0\n"), "wanted times that increase"),
        (set_line("9,1.5,0,0\n"), r"wanted values in \[-1, 1\]"),
        (set_line("9,inf,0,0\n"), r"wanted values in \[-1, 1\]"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "could not read it"),
    ],
)
def test_what_is_damaged_is_one_line(tmp_path: Path, damage: Callable[[Path], None], wanted: str) -> None:
    path = Path(shutil.copy(GOLDEN, tmp_path))
    shutil.copy(GOLDEN.with_suffix(".json"), tmp_path)
    damage(path)
    with pytest.raises(TraceError, match=wanted) as refused:
        read_gold(path)
    assert "\n" not in str(refused.value)
