"""What people look at: the parts of a bitstream, and what a run has become."""
