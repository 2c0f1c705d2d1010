"""What a rater's page tells of a take, and what is made of it: events, replay, coverage, traces."""
