"""The commands of the calibrate stage: the only files here that know the command-line library."""
