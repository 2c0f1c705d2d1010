"""Looking at what was recorded, built and trained: pages in a browser, Rerun, contact sheets."""
