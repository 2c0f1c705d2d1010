"""A Calibration as the files that other programs read."""
