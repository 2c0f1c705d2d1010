"""MRAN, its peers, their training and their scores."""
