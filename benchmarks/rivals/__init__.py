"""Designs that were tried for the zoo's `compact` networks and did not make it into the package."""
