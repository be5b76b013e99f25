"""What ends a training on its way: one sentence, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dlic_datamodules.errors import DataError
from dlic_datamodules.files import FileError
from dlic_registry import MachineError
from dlic_registry.terminal import command
from lightning_dlic.imaging.finite import NotFiniteError
from lightning_dlic.stages.base import Stage
from lightning_dlic.stages.watch import DivergedError
from lightning_dlic.training.run import Run
from lightning_dlic.training.target import kept_steps


@contextmanager
def explained(run: Run, stage: Stage) -> Iterator[None]:
    """Turns what may befall a training into sentences that say what is kept of it.

    Args:
        run: Its folder.
        stage: What is trained, for the batch it has come to.

    Raises:
        MachineError: Numbers left their range, a file could not be written, the memory did not suffice.
        DataError: A picture can no longer be read.
    """
    try:
        yield
    except DivergedError as error:
        raise DivergedError(f"{error}\n{go_on(run, suspect=stage.batches)}") from error
    except NotFiniteError as error:
        text = f"after batch {stage.batches}: {error}\n{go_on(run, suspect=stage.batches)}"
        raise DivergedError(text) from error
    except FileError as error:
        raise FileError(f"{error}\n{go_on(run)}") from error
    except MachineError as error:
        raise MachineError(f"{error}\n{go_on(run)}") from error
    except DataError as error:
        if not run.last.is_file():
            raise
        raise DataError(f"{error}\n{go_on(run)}") from error
    except OSError as error:
        place = error.filename if error.filename is not None else run.folder
        raise MachineError(f"{place}: {error.strerror or _line(error)}\n{go_on(run)}") from error
    except (MemoryError, RuntimeError) as error:
        if "without overflow" in str(error):
            # A number that a step is made of, such as a rate over a correction.
            text = f"a step after batch {stage.batches} is beyond single precision: lower its rate, optim.ROLE.lr"
            raise DivergedError(f"{text}\n{go_on(run, suspect=stage.batches)}") from error
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        remedy = "Lower data.args.batch_size or data.args.crop."
        raise MachineError(f"not enough memory: {_line(error)}\n{remedy}\n{go_on(run)}") from error


def go_on(run: Run, suspect: int | None = None) -> str:
    """Says which checkpoint is left and how to use it.

    Args:
        run: The run.
        suspect: The batch whose weights led into what happened; where there is a checkpoint from before, it is named.
    """
    if not run.last.is_file():
        return "No checkpoint was saved before that."
    kept = kept_steps(run)
    if len(kept) > 1 and kept[-1] == suspect:
        again = command("dlic-fit", "--resume", f"{run.folder}@{kept[-2]}")
        return f"The checkpoint of batch {kept[-1]} leads there; go on from the one before it: {again}"
    number = f" of batch {kept[-1]}" if kept else ""
    return f"The last checkpoint{number} is whole; go on with: {command('dlic-fit', '--resume', run.folder)}"


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
