"""The base codec `intra`: block by block, in closed loop, exact on every machine."""
