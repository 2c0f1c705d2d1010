"""Calibration boards found in pictures of any stream, and printed."""
