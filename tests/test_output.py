"""Results appear whole or not at all."""

import errno

import pytest

from mavfer.errors import OutputError
from mavfer.output import new_file, new_folder


def test_a_file_appears_only_when_its_block_ends(tmp_path):
    with new_file(tmp_path / "deep" / "result.txt") as path:
        path.write_text("whole")
        assert not (tmp_path / "deep" / "result.txt").exists()
    assert (tmp_path / "deep" / "result.txt").read_text() == "whole"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["result.txt"]


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="half"), new_file(tmp_path / "a") as path:
        path.write_text("half")
        raise RuntimeError("half")
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "b", marker="old") as folder:
        (folder / "part").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unless_asked_for(tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    with pytest.raises(OutputError, match="--overwrite"), new_file(tmp_path / "a"):
        raise AssertionError("the block must not start")
    with pytest.raises(OutputError, match="--overwrite"), new_folder(tmp_path / "b", marker="old"):
        raise AssertionError("the block must not start")
    with new_file(tmp_path / "a", overwrite=True) as path:
        path.write_text("new")
    with new_folder(tmp_path / "b", marker="old", overwrite=True) as folder:
        (folder / "new").write_text("new")
    assert (tmp_path / "a").read_text() == "new"
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["new"]


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "b").mkdir()
    with new_folder(tmp_path / "b", marker="old") as folder:
        (folder / "new").write_text("new")
    assert (tmp_path / "b" / "new").exists()


def test_a_failed_replacement_keeps_the_old_result(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    with (
        pytest.raises(OutputError, match="No space left"),
        new_folder(tmp_path / "b", marker="old", overwrite=True),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (tmp_path / "b" / "old").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_a_parent_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="cannot write"), new_folder(tmp_path / "a" / "b", marker="old"):
        raise AssertionError("the block must not start")


def test_only_a_folder_with_the_marker_is_ever_replaced(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("years")
    with (
        pytest.raises(OutputError, match=r"only a folder with a run\.toml"),
        new_folder(tmp_path / "b", marker="run.toml", overwrite=True),
    ):
        raise AssertionError("the block must not start")
    assert (tmp_path / "b" / "thesis.txt").read_text() == "years"
