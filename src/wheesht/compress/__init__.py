"""Smaller models from trained ones: integers instead of floats."""
