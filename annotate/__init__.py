"""Raters' continuous valence and arousal: traces, their fusion and their agreement."""
