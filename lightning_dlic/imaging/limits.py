"""Limits that the format and what writes and reads it share."""

MAX_SCALE = 16
"""Largest factor by which a base layer is smaller than its picture."""
