"""What a machine has of what mavfer wants, line by line, and the command that mends it."""
