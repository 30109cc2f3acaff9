"""Training: a recipe in, a bundle out, and nothing lost on the way."""
