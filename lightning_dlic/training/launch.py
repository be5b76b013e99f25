"""Processes that train one run together: which of them writes, and how all of them come to one folder.

Lightning may start them, or torchrun, or SLURM's srun; each has the same command line, and they meet only later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

from dlic_registry import DlicError, MachineError
from lightning_dlic.recipe.schema import TrainerSpec

# Lightning starts further ranks with the same command line; this tells them that the folder is made already.
RANK_VARIABLE = "DLIC_RUN_DIR"
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")
# Numbers from here on are not steps that srun starts, but the batch script and the interactive shell themselves.
_SHELLS = 0xFFFFFFF0
# For the first process: one that ends takes the others with it, and a busy file system may take long.
_PATIENCE = timedelta(minutes=30)
_asked = count()


def ranks(spec: TrainerSpec) -> int:
    """How many processes a recipe trains with."""
    # Here and below: a run that is not found should not take the seconds of these imports to be told.
    import torch

    devices, visible = spec.devices, torch.cuda.device_count() if torch.cuda.is_available() else 0
    if isinstance(devices, str) and devices != "auto":
        listed = [part for part in devices.split(",") if part.strip()]
        devices = len(listed) if len(listed) > 1 else int(devices) if re.fullmatch("-?[0-9]{1,9}", devices) else 1
    if devices in ("auto", -1):
        devices = visible if spec.accelerator in ("auto", "gpu", "cuda") and visible else 1
    return max(1, int(devices)) * spec.num_nodes


def launched() -> bool:
    """Whether a launcher that Lightning knows started this process, or its environment says where the first one is."""
    from lightning_fabric.plugins.environments.lsf import LSFEnvironment
    from lightning_fabric.plugins.environments.mpi import MPIEnvironment
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    known = (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment)
    return "MASTER_ADDR" in os.environ or any(environment.detect() for environment in known)


def is_first_rank(processes: int = 2) -> bool:
    """Whether this process is the one of a training that writes; known before the processes have found each other.

    Args:
        processes: How many train together; what trains alone is first, whatever a launcher calls it.
    """
    return processes == 1 or all(os.environ.get(name, "0") == "0" for name in _RANKS)


def agree(make: Callable[[str | None], Path], processes: int) -> Path:
    """Lets the first process make the run's folder, and all others have it.

    Args:
        make: Makes the folder and returns it; takes the name that all processes know this launch by, or None where the
            first free number will do.
        processes: How many train together.

    Returns:
        The folder.

    Raises:
        DlicError: It cannot be made, here or by the first process.
        MachineError: Nothing was heard of the first process.
    """
    if processes > 1 and "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return _through_store(make)
    step = _slurm_step(processes)
    if step is not None:
        return make(step)
    if processes > 1 and not is_first_rank() and os.environ.get(RANK_VARIABLE):
        return Path(os.environ[RANK_VARIABLE])
    return make(None)


def _through_store(make: Callable[[str | None], Path]) -> Path:
    """Torchrun's processes share a store from the start; by default nothing else tells one launch from the next."""
    import torch

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    key = f"dlic/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{next(_asked)}"
    first = is_first_rank()
    try:
        store = torch.distributed.TCPStore(  # type: ignore[attr-defined]
            host, port, is_master=hosted and first, timeout=_PATIENCE, wait_for_workers=False, multi_tenant=True
        )
        if first:
            return _made(make, lambda told: store.set(key, told))
        told = str(store.get(key).decode())
    except torch.distributed.DistError as error:
        minutes = round(_PATIENCE.total_seconds() / 60)
        raise MachineError(
            f"the first process of this training has not said for {minutes} minutes at {host}:{port} where its run's "
            "folder is: has it ended, or is that address not reached from here?"
        ) from error
    if told.startswith("!"):
        raise DlicError(told[1:])
    return Path(told)


def _made(make: Callable[[str | None], Path], tell: Callable[[str], object]) -> Path:
    """Makes the folder, and tells the others of it, or why there is none."""
    try:
        folder = make(None)
    except DlicError as error:
        tell(f"!{error}")
        raise
    tell(str(folder.resolve()))
    return folder


def _slurm_step(processes: int) -> str | None:
    """What SLURM calls this step of a job, where srun started one task a rank; None for what runs in a job's shell."""
    step = os.environ.get("SLURM_STEP_ID", "")
    if processes == 1 or not step.isdigit() or int(step) >= _SHELLS:
        return None
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

    if not SLURMEnvironment.detect():
        return None
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", os.environ.get("SLURM_NTASKS", "1"))) != processes:
        return None
    again = os.environ.get("SLURM_RESTART_COUNT", "0")
    return f"job-{os.environ.get('SLURM_JOB_ID', '0')}.{step}" + (f"-{again}" if again != "0" else "")
