"""What Python programs call: the verbs as functions. `lightning_dlic` gives them lazily under their own names."""
