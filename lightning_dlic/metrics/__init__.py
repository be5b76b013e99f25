"""Metrics under the stated evaluation protocol."""
