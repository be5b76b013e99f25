"""The codec: containers, base codecs and hints. Knows bytes, and never imports Lightning."""
