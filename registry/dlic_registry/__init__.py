"""Names of plug-ins: the registry."""
