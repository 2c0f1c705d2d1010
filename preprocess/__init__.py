"""From sessions to aligned, labelled HDF5 clips."""
