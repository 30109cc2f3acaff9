"""The sections of the page, one a file; each takes the material and may have nothing to say."""
