"""A running `dlic demo` a module."""

from collections.abc import Iterator

import pytest
from running_demo import Demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("served"), "--port", "0")
    yield running
    if running.process.poll() is None:
        running.end()
