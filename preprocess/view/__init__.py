"""Clips looked at, one by one: in a browser, or in Rerun."""
