"""The command line of the networks: options in, progress on stderr, results on stdout."""
