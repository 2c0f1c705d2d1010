"""Sessions as films, pictures, arrays and Rerun recordings."""
