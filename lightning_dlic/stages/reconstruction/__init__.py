"""Stages that make the whole picture of a decoded base layer in colour."""
