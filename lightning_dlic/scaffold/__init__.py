"""Packages to begin a plug-in with: complete ones, that install, train and pass their own tests."""
