"""The option `--device`, as every command that runs a network takes it."""

from enum import StrEnum


class Device(StrEnum):
    """Where a network computes: "auto" takes a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"


def torch_device(wanted: Device) -> str:
    """Return torch's name of the device that is wanted."""
    import torch

    return "cuda" if wanted is Device.AUTO and torch.cuda.is_available() else "cpu"
