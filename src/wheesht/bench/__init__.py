"""Timing of the engine beside other runtimes, gated on correctness."""
