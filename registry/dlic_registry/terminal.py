"""Text of any origin on its way to a terminal: names, metadata and messages of others must not steer it."""

import re
import shlex
import sys

# Text that a terminal only shows: no control characters, none that turn the direction of writing, no lone surrogates.
_HARMLESS = str.isprintable


def printable(text: object, *, lines: bool = False) -> str:
    r"""Text with escapes in place of whatever a terminal would act upon.

    Args:
        text: Any text, such as a file's name or another program's message.
        lines: Whether it may have several lines, and tabs.

    Returns:
        Text that may be printed.

    Example:
        >>> print(printable("a\x1b[2Jb"))
        a\x1b[2Jb
    """
    # Bytes of file names that are no UTF-8 come as lone surrogates.
    plain = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    if _HARMLESS(plain):
        return plain
    kept = "\n\t" if lines else ""
    return "".join(c if _HARMLESS(c) or c in kept else c.encode("unicode_escape").decode() for c in plain)


def printable_json(text: str) -> str:
    """JSON with JSON's own escapes in place of whatever a terminal would act upon; it means the same."""
    return re.sub(r"[^\n -~]", lambda found: _json_escape(found[0]), text)


def _json_escape(character: str) -> str:
    if _HARMLESS(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def command(*words: object) -> str:
    """Words as one command that a shell takes apart into just these words, and that may be printed."""
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if _HARMLESS(word):
        return shlex.quote(word)
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"\\'" else f"\\x{b:02x}" for b in raw) + "'"


def say(text: object = "", *, err: bool = False, end: str = "\n", lines: bool = False) -> None:
    """Prints a text of any origin to standard output or standard error.

    Args:
        text: The text.
        err: Whether it goes to standard error.
        end: What follows it.
        lines: Whether it may have several lines; a file's name must not pretend to be another line.
    """
    print(printable(text, lines=lines), file=sys.stderr if err else sys.stdout, end=end, flush=True)
