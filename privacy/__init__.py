"""What a study owes its subjects: leaving it, everywhere."""
