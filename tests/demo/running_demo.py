"""`dlic demo` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

MAIN = "import sys; sys.argv[0] = 'dlic'; from lightning_dlic.cli.main import main; main()"


class Demo:
    """The process, where its page is, and the folder in which it keeps what it is given."""

    def __init__(self, folder: Path, *options: str) -> None:
        environment = {**os.environ, "TMPDIR": str(folder)}
        command = [sys.executable, "-c", MAIN, "demo", "--no-browser", *options]
        self.folder = folder
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line
        self.address, self.port = found[0], int(found[1])

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(300)
