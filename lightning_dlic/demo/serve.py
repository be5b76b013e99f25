"""Runs the page: on this machine alone, until it is stopped."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvicorn

from dlic_registry import DlicError
from lightning_dlic.demo.app import make_app
from lightning_dlic.demo.crew import Crew

HOST, PORT = "127.0.0.1", 8642


def serve(port: int | None, workers: int, ready: Callable[[str], None]) -> None:
    """Serves the page until SIGINT or SIGTERM.

    Args:
        port: Where; None for `PORT`, or another one where that is taken, and 0 for any that is free.
        workers: Visitors whose pictures are worked on at a time.
        ready: Called with the page's address once it answers.

    Raises:
        DlicError: The port is taken, or not this user's to take.
    """
    listener = _listen(port)
    address = f"http://{HOST}:{listener.getsockname()[1]}/"
    crew = Crew(workers)
    with tempfile.TemporaryDirectory(prefix="dlic-demo-", ignore_cleanup_errors=True) as folder:
        app = make_app(Path(folder), crew)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=1
        )
        # The server takes signals, ends in order, and raises them again: by then what was here must still be removed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            # Connections wait in the queue of the socket until the server takes them.
            ready(address)
            crew.warm()
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            crew.close()
            listener.close()


def _listen(port: int | None) -> socket.socket:
    for number in (PORT, 0) if port is None else (port,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if number == PORT and port is None:
                continue
            taken = error.errno == errno.EADDRINUSE
            why = "another program listens there" if taken else str(error.strerror)
            raise DlicError(f"--port {number}: {why}. --port 0 takes one that is free.") from error
        return listener
    raise DlicError("no port of this machine is free")
