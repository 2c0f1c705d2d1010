"""The commands of the annotate stage; nothing else here knows the command-line library."""
