"""The codec beside its rivals at byte budgets."""
