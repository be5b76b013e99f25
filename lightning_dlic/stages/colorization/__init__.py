"""Colorization stages."""
