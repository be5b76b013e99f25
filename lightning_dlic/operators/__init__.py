"""Networks at work on 8-bit pictures: each a typed thing with the facts that a caller needs."""
