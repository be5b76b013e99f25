"""Stages: the trainable LightningModules, one a file."""
