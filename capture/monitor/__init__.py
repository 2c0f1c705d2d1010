"""The monitor: a page in the operator's browser that shows the take and takes requests for it."""

from .server import Monitor

__all__ = ["Monitor"]
