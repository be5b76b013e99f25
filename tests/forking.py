"""Programs in processes of their own that need not import torch and Lightning again, which costs five seconds each.

They are forked off a process that has imported what others wrote, and nothing of ours: our modules, their registry and
their caches are as new as in an interpreter that starts. What shows what is imported, or when, needs one that does.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_HEAVY = ("torchvision", "torchmetrics", "pytorch_lightning", "skimage.data", "PIL.Image", "av", "omegaconf")
_HEAVY += ("safetensors.torch", "typer", "rich.console")
FIT = "from lightning_dlic.cli.main import fit_main; fit_main()"


class Program:
    """Code at work in a process of its own.

    Args:
        code: What ``python -c`` would be given.
        arguments: Its ``sys.argv`` from the second word on.
        folders: In front of the import path.
        out: Where standard output goes; else it can be read afterwards.
    """

    def __init__(self, code: str, *arguments: object, folders: tuple[Path, ...] = (), out: str | None = None) -> None:
        # Gone with this object.
        self._kept = [tempfile.NamedTemporaryFile() for _ in range(2)]  # noqa: SIM115
        files = [out or self._kept[0].name, self._kept[1].name]
        told = {"code": code, "argv": ["-c", *map(str, arguments)], "files": files, "folders": [*map(str, folders)]}
        self.args = told["argv"]
        self.pid = int(_nursery().ask({**told, "env": dict(os.environ), "cwd": os.getcwd()}))

    def poll(self) -> int | None:
        """How it ended, negative where by a signal; None where it has not."""
        if not hasattr(self, "returncode"):
            status = _nursery().ask({"wait": self.pid})
            if status is None:
                return None
            self.returncode = int(status)
        return self.returncode

    def wait(self, seconds: float = 300) -> int:
        """Waits for its end and says how it was."""
        until = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"{self.args}: not after {seconds} s\n{self.stdout}{self.stderr}")
            time.sleep(0.01)
        return status

    @property
    def stdout(self) -> str:
        return Path(self._kept[0].name).read_text("utf-8")

    @property
    def stderr(self) -> str:
        return Path(self._kept[1].name).read_text("utf-8")


def run_forked(
    code: str, *arguments: object, folders: tuple[Path, ...] = (), out: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs code to its end, as `Program`."""
    program = Program(code, *arguments, folders=folders, out=out)
    status = program.wait()
    return subprocess.CompletedProcess(program.args, status, program.stdout, program.stderr)


class _Nursery:
    """The process that others are forked off."""

    def __init__(self) -> None:
        light = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, __file__], text=True, env=light, cwd="/", **pipes)
        atexit.register(self.end)

    def ask(self, told: Mapping[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


_nursery = cache(_Nursery)


def _serve() -> dict[str, Any]:
    """Forks whenever it is asked to; returns in what was forked off, with what that is to be."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for name in _HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    running: set[int] = set()
    while line := requests.readline():
        asked = json.loads(line)
        answer: int | None
        if "wait" in asked:
            found, status = os.waitpid(asked["wait"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if found else None
            running.discard(found)
        elif (answer := os.fork()) == 0:
            os.close(requests.fileno())
            os.close(answers.fileno())
            return dict(asked)
        else:
            running.add(answer)
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()
    # Whoever asked for what still runs has ended.
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _become(told: dict[str, Any]) -> None:
    """Makes this process the one that was asked for."""
    os.environ.clear()
    os.environ.update(told["env"])
    os.chdir(told["cwd"])
    for number, name in enumerate(told["files"], 1):
        os.dup2(os.open(name, os.O_WRONLY), number)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    path = [folder for folder in told["env"].get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:1] = ["", *told["folders"], *path]
    # What starts interpreters of its own tells them where to look in this way.
    os.environ["PYTHONPATH"] = os.pathsep.join([*told["folders"], *path])
    sys.argv = told["argv"]
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    exec(compile(told["code"], "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    _become(_serve())
