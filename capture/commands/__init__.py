"""The commands of the capture stage; the only files here that know the command-line library."""
