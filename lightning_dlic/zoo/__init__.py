"""Trained networks in files that rebuild them without the stage that trained them, and cards of those that ship."""

from dlic_datamodules.files import sha256
from lightning_dlic.zoo.cards import Card, cards, find_card, read_card, write_card
from lightning_dlic.zoo.files import WeightsError, inspect_net, load_net, save_net

__all__ = [
    "Card",
    "WeightsError",
    "cards",
    "find_card",
    "inspect_net",
    "load_net",
    "read_card",
    "save_net",
    "sha256",
    "write_card",
]
