"""Kinds of stages: what each derives from, what its networks do, how it is measured, where it stands."""
