"""Pure functions on tensors and arrays: resizing, colour spaces, blocks, tiles."""
