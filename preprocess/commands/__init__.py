"""The commands of the preprocess stage: the only files here that know the command-line library."""
