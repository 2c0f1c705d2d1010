"""Whether a recording still fits the rig's calibration: `mavfer calibrate verify`."""
