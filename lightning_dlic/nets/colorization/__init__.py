"""Networks that predict chroma from luma and hints, and the floors that do it without weights."""
