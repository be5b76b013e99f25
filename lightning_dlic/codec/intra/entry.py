"""What Python calls of the compiled code."""

# Compiled code is typed by Numba.
# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from lightning_dlic.codec.intra.arithmetic import code_flat, finish
from lightning_dlic.codec.intra.jit import entry
from lightning_dlic.codec.intra.leaf import AT, leaf
from lightning_dlic.codec.intra.syntax import code_split
from lightning_dlic.codec.intra.tables import CTU
from lightning_dlic.codec.intra.tree import code_tree

COMPILED = "c44465800d87dfca"
"""Names what is compiled into the functions here. It changes with that, and so Numba drops what it had kept."""


@entry
def try_split(work, x, y, width, height, halvings, choice, inside):
    """Appends the token of a split and counts its bits."""
    work.tokens[work.numbers[AT]] = choice
    work.numbers[AT] += 1
    if inside:
        code_split(work.coder, work.plane, x, y, width, height, halvings, choice)


@entry
def try_leaf(work, x, y, width, height, halvings):
    """Codes a block without splitting it; returns its squared error."""
    work.tokens[work.numbers[AT]] = 0
    work.numbers[AT] += 1
    code_split(work.coder, work.plane, x, y, width, height, halvings, np.int64(0))
    return leaf(work, x, y, width, height)


@entry
def code_block(walk, x, y):
    """Reads and decodes, or writes, a largest block; False if the data ended too early."""
    walk.numbers[0] = 0
    return code_tree(walk, x, y, np.int64(CTU))


@entry
def code_number(coder, width, value):
    """Reads or writes a number of ``width`` bits."""
    return code_flat(coder, width, value)


@entry
def end(coder, spare):
    """Ends a writer; returns the number of bytes."""
    return finish(coder, spare)
