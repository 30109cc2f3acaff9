"""A study, or several, as one page that explains itself: HTML and Markdown."""
