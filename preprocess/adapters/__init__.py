"""Other people's recordings as sessions and traces."""
