"""One thing of every kind, for the tests."""
