"""Super-resolution stages."""
