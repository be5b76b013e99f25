"""The command line, run in the tests' own process: importing torch again for each call would cost seconds."""

import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """Runs ``dlic`` with words; checks the exit status and returns what it printed on both streams."""
    from lightning_dlic.cli.main import main

    def run(*words: object, status: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["dlic", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        assert (end.value.code or 0) == status, printed.err
        return printed.out, printed.err

    return run
