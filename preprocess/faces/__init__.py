"""The face: found, followed and measured in a session's color frames, in infrared where color is too dark."""
