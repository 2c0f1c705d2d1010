"""Labels: the raters' gold standard at frame times, and what to know about it."""
