"""The Python binding of libfreenect2: whether it loads, its version, and what it hides.

See libfreenect2.py, which drives the sensor with it.
"""

import ctypes
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ...errors import CameraError
from .driver import DriverAbsent

LIBRARY = "pylibfreenect2"


def load_binding() -> Any:
    """Return the module pylibfreenect2; raises DriverAbsent, or CameraError where it does not load."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports pkg_resources, which says that it is old
            return import_module(LIBRARY)
    except ImportError as error:
        if error.name == "pkg_resources":
            raise CameraError(
                'pylibfreenect2 wants pkg_resources, found none; pip install "setuptools<81"'
            ) from error
        if error.name == LIBRARY:
            raise DriverAbsent(f"no {LIBRARY}") from error
        raise CameraError(f"pylibfreenect2 does not load: {error}; build it anew") from error


def binding_version() -> str:
    """Return its version, "unknown" where it is not installed as a distribution."""
    try:
        return version(LIBRARY)
    except PackageNotFoundError:
        return "unknown"


def is_null(device: Any) -> bool:
    """Return whether libfreenect2 gave no device: the binding wraps the null pointer all the same.

    Whatever such a wrapper is asked ends the process, and it offers no way to see it. Its one field is that
    pointer, behind Python's own head; a wrapper of another size is of another binding, and is believed.
    """
    head = object.__basicsize__
    if type(device).__basicsize__ != head + ctypes.sizeof(ctypes.c_void_p):
        return False
    return ctypes.c_void_p.from_address(id(device) + head).value is None
