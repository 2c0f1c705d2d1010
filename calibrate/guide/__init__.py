"""Guided capture of a board session: `mavfer calibrate --live`."""
