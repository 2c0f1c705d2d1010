from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import TraceError
from mavfer.preprocess.adapters.tables import head_of, read_table


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_separator_line_end_and_mark_give_the_same_table(
    tmp_path: Path, separator: str, end: str, mark: str
) -> None:
    path = tmp_path / "a.csv"
    lines = ["time;FM1 ;FM2 ", "0;0.5;", "0.04;?;-1"]
    path.write_bytes((mark + end.join(line.replace(";", separator) for line in lines) + end).encode())
    table = read_table(path)
    assert table.names == ("time", "FM1", "FM2")
    assert head_of(path) == table.names
    np.testing.assert_array_equal(table.columns, [[0, 0.04], [0.5, np.nan], [np.nan, -1]])


def test_words_are_left_out_and_a_table_without_a_head_is_numbered(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("'Train_01';0.0;0.1;\n'Train_01';0.1;0.2;\n", encoding="utf-8")
    table = read_table(path)
    assert not table.headed
    assert table.names == ("2", "3", "4")
    np.testing.assert_array_equal(table.columns[:2], [[0, 0.1], [0.1, 0.2]])


def test_arff_is_read_with_comments_quotes_and_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "a.arff"
    path.write_text(
        "% made by hand\n@RELATION x\n@Attribute 'name' string\n@attribute frameTime\tnumeric\n"
        "@attribute GoldStandard numeric\n\n@DATA\n\ndev_1,0,-0.02\n% a pause\ndev_1,0.04,?\n",
        encoding="utf-8",
    )
    table = read_table(path)
    assert table.names == ("frameTime", "GoldStandard")
    assert head_of(path) == ("name", "frameTime", "GoldStandard")
    np.testing.assert_array_equal(table.columns, [[0, 0.04], [-0.02, np.nan]])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "found an empty file"),
        ("a.csv", "time;FM1\n", "found a file without a line of them"),
        ("a.csv", "time;FM1\n0;1\n1;2;3\n", "wanted 2 columns, found 3 in line 3"),
        ("a.csv", "time;FM1\n0;1\n1;high\n", "wanted a number in column 'FM1', found 'high' in line 3"),
        ("a.csv", "time;FM1\nx;y\n", "wanted columns of numbers, found none"),
        ("a.arff", "@data\n1,2\n", "wanted an ARFF file with @attribute lines"),
        ("a.arff", "@attribute a numeric\n@data\n{0 1}\n", "found sparse ones"),
    ],
)
def test_what_is_no_table_says_where_it_breaks(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TraceError, match=said) as no:
        read_table(path)
    assert str(no.value).endswith(name)


def test_bytes_that_are_no_text_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(TraceError) as no:
        read_table(path)
    assert "\n" not in str(no.value)
    with pytest.raises(TraceError, match="could not read them"):
        read_table(tmp_path / "nothing.csv")


@pytest.mark.parametrize("content", ["x" * 200_000 + ",b\n0,1\n", "time,b\n0," + "1" * 200_000 + "\n"])
def test_a_cell_that_no_table_has_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(TraceError, match=r"^wanted a table of ratings, found something else .*a\.csv$"):
        read_table(path)
    assert head_of(path) in ((), ("time", "b"))
