"""Which extra of mavfer brings a package that is not there: the one place that knows it.

An extra is what `pip install 'mavfer[NAME]'` adds for one kind of work. Commands import what they need when
they run; where that is missing, `missing_extra` makes of the ImportError the line that says how to get it.
"""

from importlib.util import find_spec

from .errors import MavferError

EXTRA_OF = {
    "alembic": "annotate",
    "av": "build",
    "dask": "cluster",
    "distributed": "cluster",
    "dlib": "build",
    "face_recognition_models": "build",
    "fastapi": "record",
    "genicam": "record",
    "harvesters": "record",
    "jinja2": "annotate",
    "kinect_next": "record",
    "lightning_fabric": "train",
    "matplotlib": "report",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "psutil": "record",
    "psycopg": "annotate",
    "pykinect2024": "record",
    "pylsl": "lsl",
    "rerun": "view",
    "sqlalchemy": "annotate",
    "starlette": "record",
    "tensorboard": "logs",
    "torch": "train",
    "torchmetrics": "train",
    "uvicorn": "record",
    "websockets": "record",
    "zmq": "record",
}
"""Module that a command imports -> the extra that is meant where no command has said a better one."""


class ExtraMissing(MavferError):
    """A command wants a package that only an extra brings, and the extra is not installed."""


def missing_extra(error: ImportError) -> ExtraMissing | None:
    """Return the error that names the extra to install, or None where the import failed for another reason.

    A module that is installed but lacks a part of itself is a defect, no missing extra.
    """
    module = (error.name or "").partition(".")[0]
    extra = EXTRA_OF.get(module)
    if extra is None or find_spec(module) is not None:
        return None
    return _missing(module, extra)


def require(*modules: str, extra: str) -> None:
    """Raise ExtraMissing, naming `extra`, where one of the modules is not installed; none is imported."""
    for module in modules:
        if find_spec(module) is None:
            raise _missing(module, extra)


def _missing(module: str, extra: str) -> ExtraMissing:
    return ExtraMissing(f"wanted the package {module!r}, found none; run `pip install 'mavfer[{extra}]'`")
