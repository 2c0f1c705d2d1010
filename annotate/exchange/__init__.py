"""Ratings of other tools as traces, and traces for other programs."""
