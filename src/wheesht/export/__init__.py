"""From a trained network to what runs it."""
