"""Training data: corpora of clean speech and noise, decoded once, mixed on the fly."""
