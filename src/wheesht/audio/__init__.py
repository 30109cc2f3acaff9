"""Samples, sample rates, audio files and pipes."""
