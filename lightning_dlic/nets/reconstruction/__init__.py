"""Networks that make the picture of a decoded base layer in colour: enlarging and repairing in one."""
