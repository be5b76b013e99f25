"""A kind of stages of its own for lightning-dlic: restoration of decoded base layers."""
