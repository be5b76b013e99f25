"""docs/reference/upgrading.md tells of modules that are gone where they were and stand where it says."""

import re
from importlib.util import find_spec
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "upgrading.md").read_text()
MOVED = re.findall(r"(?m)^\| `((?:lightning_dlic|dlic_\w+)\.[\w.]+)`(.*?) \| `([\w.]+)`(.*?) \|$", PAGE)


def there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def test_modules_that_moved_are_where_the_page_says() -> None:
    assert len(MOVED) >= 8
    for was, more, now, names in MOVED:
        room = was.rpartition(".")[0]
        gone = [was, *(f"{room}.{name}" for name in re.findall(r", `(\w+)`", more))]
        found = [f"{now}.{name}" for name in re.findall(r"[:,] `(\w+)`", names)] if names.startswith(":") else [now]
        assert [module for module in gone if there(module)] == []
        assert [module for module in found if not there(module)] == []
