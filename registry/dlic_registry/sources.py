"""The first line of a class's docstring, read from its source file; nothing is imported."""

import ast
import io
import re
import tokenize
from importlib.util import find_spec
from pathlib import Path


def docstring_line(target: str) -> str | None:
    """First line of the docstring of the class at ``module:Class``.

    Args:
        target: dotted module, a colon, the name of a class defined at the module's top level.

    Returns:
        The line without surrounding space; None where no source file, class or docstring is found.
    """
    module, _, name = target.partition(":")
    path = _source_file(module)
    if path is None:
        return None
    try:
        return _class_line(path.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError, SyntaxError, tokenize.TokenError):
        return None


def _source_file(module: str) -> Path | None:
    top, *rest = module.split(".")
    # Only ever the top-level name: find_spec on a dotted one imports its parent.
    spec = find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        stem = Path(folder, *rest)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


def _class_line(source: str, name: str) -> str | None:
    start = re.search(rf"^class {re.escape(name)}\b", source, re.MULTILINE)
    if start is None:
        return None
    # Tokens from the class statement on: a few dozen, where parsing the file would cost milliseconds for each entry.
    tokens = tokenize.generate_tokens(io.StringIO(source[start.start() :]).readline)
    for token in tokens:
        if token.type == tokenize.NEWLINE:
            break
    for token in tokens:
        if token.type == tokenize.STRING:
            text = ast.literal_eval(token.string)
            return next(iter(text.strip().splitlines()), None) if isinstance(text, str) else None
        if token.type not in (tokenize.INDENT, tokenize.NL, tokenize.COMMENT):
            return None
    return None
