"""From a dataset to a run: what is asked for, the loop, and what it leaves behind."""
