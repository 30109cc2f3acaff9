"""Faster equals of a cell's step loop, for training."""
