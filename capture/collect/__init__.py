"""The files of recorders on other machines, brought into the session."""
