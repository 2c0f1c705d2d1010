"""Datasets joined, and handed to other tools."""
