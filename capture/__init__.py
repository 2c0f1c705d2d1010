"""The bottom floor: cameras, time, and the recorded session."""
