"""Networks of kind prediction: uint8 contexts and their availability ``[N, 2, 5 m^2]`` to blocks ``[N, 1, m, m]``."""
