"""What ends a training on its way: one sentence, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dlic_registry import MachineError
from dlic_registry.terminal import command
from lightning_dlic.imaging.finite import NotFiniteError
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.watch import DivergedError
from lightning_dlic.training.run import Run


@contextmanager
def explained(run: Run, stage: Stage) -> Iterator[None]:
    """Turns what may befall a training into sentences that say what is kept of it.

    Args:
        run: Its folder.
        stage: What is trained, for the batch it has come to.

    Raises:
        MachineError: Numbers left their range, a file could not be written, the memory did not suffice.
    """
    try:
        yield
    except DivergedError as error:
        raise DivergedError(f"{error}\n{go_on(run)}") from error
    except NotFiniteError as error:
        raise DivergedError(f"after batch {stage.batches}: {error}\n{go_on(run)}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        remedy = "Lower data.args.batch_size or data.args.crop."
        raise MachineError(f"not enough memory: {_line(error)}\n{remedy}\n{go_on(run)}") from error
    except OSError as error:
        place = error.filename if error.filename is not None else run.folder
        raise MachineError(f"{place}: {error.strerror or _line(error)}\n{go_on(run)}") from error


def go_on(run: Run) -> str:
    """Says which checkpoint is left and how to use it."""
    kept = sorted(run.checkpoints.glob("step-*.ckpt"))
    if not run.last.is_file():
        return "No checkpoint was saved before that."
    number = f" of batch {int(kept[-1].stem.removeprefix('step-'))}" if kept else ""
    return f"The last checkpoint{number} is whole; go on with: {command('dlic-fit', '--resume', run.folder)}"


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
