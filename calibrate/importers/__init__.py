"""Calibrations that other programs made, and what the factory measured, as a Calibration."""
