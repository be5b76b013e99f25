"""Composes networks and codec into a compressor."""
