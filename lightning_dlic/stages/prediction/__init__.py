"""Stages of kind prediction."""
