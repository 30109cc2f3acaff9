"""Blind listening tests: a page for listeners, and the analysis of what they answered."""
