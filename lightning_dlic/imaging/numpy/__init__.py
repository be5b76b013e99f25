"""Twins in NumPy of the functions of the same names above, for the codec, which must not wait for torch."""
