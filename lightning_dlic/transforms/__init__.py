"""What the loader's workers add to a batch."""
