"""Networks that tell real pictures from made ones."""
