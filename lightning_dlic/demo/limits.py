"""What a visitor may ask of the page."""

LEAST_BYTES, MOST_BYTES = 100, 8000
"""Of a file, as the slider goes."""
UPLOAD_BYTES = 64 << 20
"""Of an uploaded file."""
ARRIVING_BYTES = 512 << 20
"""Of all files that are being uploaded at a time."""
CHUNK_SECONDS, BODY_SECONDS = 20.0, 600.0
"""Between two parts of what somebody sends, and for all of it."""
RESULTS = 12
"""Kept of one picture; the oldest goes."""
PIXELS = 64_000_000
"""Of a picture, uploaded or said by a bitstream."""
SHOWN_SIDE = 2048
"""Longest side of the pictures that the page shows; the PNG that it gives to keep is whole."""
PICTURES = 12
"""Kept at a time, all visitors together; the one that was not asked for longest goes."""
WAITING = 16
"""Jobs that may wait."""
SECONDS = 600.0
"""Of a job, before it is given up."""
PATIENCE = 150.0
"""Seconds after which a job that no page asks for is given up; browsers let hidden pages ask once a minute."""
