"""A calibration as one page: `mavfer calibrate show`."""
