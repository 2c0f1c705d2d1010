"""The one clock that everything here is stamped with; nothing slow is imported for it."""

import sys
import time

monotonic_ns = time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns
"""Nanoseconds since this machine was booted, the same in all its processes, never back.

On Windows `time.monotonic_ns` ticks at 15.6 ms before Python 3.13; the performance counter does not.
"""
