"""What a malformed bitstream ends in, and what an encoder that cannot do its work says."""

from dlic_registry import DlicError


class BitstreamError(DlicError):
    """A stream is malformed, truncated, corrupt, or asks for more than the reader allows; the message says where."""


class CodecError(DlicError):
    """A base codec cannot code this picture, or its encoder is not installed."""
