"""Losses, registered by name."""
