"""Colour side information: what hints a bitstream holds, and the search that makes them."""
