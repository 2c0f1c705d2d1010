"""Trained networks at work: on sessions, on video files, on live cameras, and elsewhere."""
