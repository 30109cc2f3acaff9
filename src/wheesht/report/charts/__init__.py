"""Drawings as SVG text: numbers in, one `Panel` out, the same bytes every time."""
