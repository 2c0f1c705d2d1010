"""What is read of weight files, and what is refused in one line."""

import hashlib
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mavfer.errors import ModelError
from mavfer.model.weight_files import published_as, read_weight_file


class Shouting:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def write_safetensors(path: Path, table: dict[str, Tensor], kind: str = "F32") -> None:
    header, raw = {}, b""
    for name, value in table.items():
        one = value.contiguous().numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(raw), len(raw + one)]}
        raw += one
    head = json.dumps({"__metadata__": {"format": "pt"}} | header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + raw)


def tensors() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {"a.weight": torch.randn(3, 4, generator=draw), "a.bias": torch.randn(3, generator=draw)}


def same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    return list(found) == list(wanted) and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_pickled_table_comes_back_without_its_wrapping(
    tmp_path: Path, wrapper: str | None, prefix: str
) -> None:
    table = {prefix + name: value for name, value in tensors().items()}
    path = tmp_path / "weights.pth"
    torch.save(table if wrapper is None else {wrapper: table, "epoch": 3}, path)
    assert same(read_weight_file(path), tensors())


def test_a_safetensors_table_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, tensors())
    assert same(read_weight_file(path), tensors())


@pytest.mark.parametrize("cut", [4, 30, -4])
def test_a_safetensors_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, tensors())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match="damaged one"):
        read_weight_file(path)


def test_a_safetensors_type_that_is_unknown_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, tensors(), kind="F7")
    with pytest.raises(ModelError, match="F7"):
        read_weight_file(path)


@pytest.mark.parametrize("cut", [0, 10, 400])
def test_a_pickled_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "weights.pth"
    torch.save(tensors(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match="found a damaged one"):
        read_weight_file(path)


@pytest.mark.parametrize("by", ["torch", "pickle"])
def test_a_file_with_code_is_refused_and_the_code_not_run(tmp_path: Path, by: str) -> None:
    path, mark = tmp_path / "weights.pt", tmp_path / "mark"
    table = {"a.weight": Shouting(mark)}
    if by == "torch":
        torch.save(table, path)
    else:
        path.write_bytes(pickle.dumps(table))
    with pytest.raises(ModelError, match="objects that would run code") as caught:
        read_weight_file(path)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "found list"),
        ({"a": 3}, "'a' of type int"),
        ({}, "found nothing"),
    ],
)
def test_a_file_without_tensors_by_name_is_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(ModelError, match=message):
        read_weight_file(path)


def test_a_hash_in_the_name_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(tensors(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    good = path.rename(tmp_path / f"vgg16-{sha256[:8]}.pth")
    assert same(read_weight_file(good), tensors())
    wrong = good.rename(tmp_path / "vgg16-397923af.pth")
    with pytest.raises(ModelError, match=rf"wanted SHA-256 397923af.*found {sha256[:8]}"):
        read_weight_file(wrong)


def test_published_files_are_known_by_their_hash() -> None:
    assert published_as("397923af" + 56 * "0") == "torchvision vgg16 IMAGENET1K_V1"
    assert published_as(64 * "0") is None


@pytest.mark.parametrize(("name", "message"), [("none.pth", "found neither"), ("weights.h5", "found '.h5'")])
def test_no_file_and_another_kind_are_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "weights.h5").touch()
    with pytest.raises(ModelError, match=message):
        read_weight_file(tmp_path / name)
