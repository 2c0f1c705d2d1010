"""Datasets as network inputs and targets."""
