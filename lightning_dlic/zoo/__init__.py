"""Trained networks that ship in the package, each with a card."""
