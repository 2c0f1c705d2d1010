"""What the options of `mavfer predict` and `mavfer export-model` may say, as words."""

from enum import StrEnum


class Precision(StrEnum):
    """In what numbers a network computes."""

    FP32 = "fp32"
    BF16 = "bf16"


class ExportFormat(StrEnum):
    """What a network is exported as."""

    ONNX = "onnx"
    TORCH = "torch"
