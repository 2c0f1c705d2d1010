"""Weight files of others: tables of tensors by name, read without running any code that they might hold."""

import json
import math
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from ..preprocess.dataset.clips import sha256_of_file
from .layouts import PUBLISHED

DAMAGED = (
    RuntimeError,
    OSError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
)
"""What reading a damaged file with torch.load, or making use of what it gave, can raise."""

PICKLED = (".pt", ".pth")
SAFETENSORS = ".safetensors"
SAFETENSORS_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
}
LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors format itself."""

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Where training scripts put the table of tensors."""

PARALLEL = "module."
"""What torch's DataParallel writes before every name."""


def read_weight_file(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .pt, .pth or .safetensors file by name, on the CPU.

    Raises
    ------
    ModelError
        There is no such file, it is damaged, it holds code or anything but tensors, or it is not what the
        hash in its name says (as in `vgg16-397923af.pth`).
    """
    if not path.is_file():
        raise ModelError(f"wanted a file of weights or a run folder, found neither: {path}")
    if path.suffix not in (*PICKLED, SAFETENSORS):
        raise ModelError(
            f"wanted weights in {', '.join((*PICKLED, SAFETENSORS))}, found {path.suffix!r}: {path}"
        )
    _require_named_hash(path)
    table = _safetensors(path) if path.suffix == SAFETENSORS else _pickled(path)
    for name in WRAPPERS:
        if isinstance(table.get(name), dict):
            table = table[name]
            break
    wrong = [name for name, value in table.items() if not isinstance(value, Tensor)]
    if wrong or not table:
        found = f"{wrong[0]!r} of type {type(table[wrong[0]]).__name__}" if wrong else "nothing"
        raise ModelError(f"wanted tensors by name, found {found}: {path}")
    if all(name.startswith(PARALLEL) for name in table):
        return {name.removeprefix(PARALLEL): value for name, value in table.items()}
    return table


def published_as(sha256: str) -> str | None:
    """Return what a file of this hash is, where it is a published one that is known here."""
    return PUBLISHED.get(sha256[:8])


def read_tensors(path: Path) -> Any:
    """Return what `torch.save` wrote to `path`, on the CPU, as long as it is tensors and plain values.

    Raises
    ------
    ModelError
        It is damaged, or holds code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's version, which decides nothing here
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower() and "unsupported" not in str(error).lower():
            raise ModelError(f"wanted a file of weights, found a damaged one: {path}") from error
        raise ModelError(
            f"wanted nothing but tensors, found objects that would run code; ask for a file written with "
            f"torch.save(network.state_dict(), ...): {path}"
        ) from error
    except DAMAGED as error:
        raise ModelError(f"wanted a file of weights, found a damaged one: {path}") from error


def _require_named_hash(path: Path) -> None:
    """Raise where the name carries a hash, as torchvision's do, that is not the file's."""
    named = re.search(r"-([0-9a-f]{8,64})$", path.stem)
    if named is not None:
        found = sha256_of_file(path)
        if not found.startswith(named[1]):
            raise ModelError(
                f"wanted SHA-256 {named[1]}..., as the name says, found {found[:8]}...; "
                f"the file is damaged or renamed, fetch it again: {path}"
            )


def _pickled(path: Path) -> dict[str, Any]:
    table = read_tensors(path)
    if not isinstance(table, dict):
        raise ModelError(f"wanted tensors by name, found {type(table).__name__}: {path}")
    return {str(name): value for name, value in table.items()}


def _safetensors(path: Path) -> dict[str, Any]:
    """Return the tensors of a safetensors file: a header's length, a JSON header, and raw values."""
    blob = bytearray(path.read_bytes())
    try:
        length = int.from_bytes(blob[:8], "little")
        if not 2 <= length <= min(LONGEST_HEADER, len(blob) - 8):
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(blob[8 : 8 + length])
        header.pop("__metadata__", None)
        return {name: _tensor(blob, entry, start=8 + length) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelError(f"wanted a safetensors file, found a damaged one ({error}): {path}") from error


def _tensor(blob: bytearray, entry: dict[str, Any], *, start: int) -> Tensor:
    kind = SAFETENSORS_TYPES[entry["dtype"]]
    first, last = entry["data_offsets"]
    n_values = math.prod(entry["shape"])
    if first < 0 or last - first != n_values * kind.itemsize or start + last > len(blob):
        raise ValueError(f"{entry['shape']} at bytes {first} to {last} of {len(blob) - start}")
    if n_values == 0:
        return torch.zeros(entry["shape"], dtype=kind)
    values = torch.frombuffer(blob, dtype=torch.uint8, offset=start + first, count=last - first)
    return values.clone().view(kind).reshape(entry["shape"])
