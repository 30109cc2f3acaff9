"""Scoring models and enhanced files on test sets: a study in a folder, made, resumed and read."""
