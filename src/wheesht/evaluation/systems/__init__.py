"""What can be scored: the unprocessed input, models, folders of enhanced files."""
