"""Trained networks, each with its card."""

from lightning_dlic.zoo.shelf import Shelf


class Weights(Shelf):
    """Networks that restore decoded base layers."""
