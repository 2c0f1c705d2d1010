"""A study: which sessions are rated by whom and how; its folder, its videos and its plan."""
