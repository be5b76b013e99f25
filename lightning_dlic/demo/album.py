"""What visitors have given, in a temporary folder: each picture in a room of its own under a name nobody can guess."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lightning_dlic.demo.crew import Job
from lightning_dlic.demo.limits import PICTURES, RESULTS


@dataclass(eq=False)
class Room:
    """One picture's place.

    Attributes:
        name: Unguessable; whoever knows it may ask for the picture.
        folder: Where its files lie.
        jobs: What was asked of it, by what was asked.
        asked: How many jobs there have been.
    """

    name: str
    folder: Path
    jobs: dict[tuple[object, ...], Job] = field(default_factory=dict)
    asked: int = 0

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a job on it."""
        return any(not job.over for job in self.jobs.values())

    def file(self, name: str) -> Path | None:
        """One of its files, where it is one that a page may have: a picture or a bitstream."""
        path = self.folder / name
        harmless = path.parent == self.folder and path.suffix in (".png", ".dlic")
        # Of names that no file system takes, too.
        return path if harmless and os.path.isfile(path) else None

    def trim(self) -> None:
        """Makes room for another job: what came of the oldest ones goes."""
        over = [(asked, job) for asked, job in self.jobs.items() if job.over and "name" in job.task]
        for asked, job in over[: max(0, len(self.jobs) - RESULTS)]:
            del self.jobs[asked]
            for path in self.folder.glob(f"{job.task['name']}[-.]*"):
                path.unlink(missing_ok=True)


class Album:
    """All rooms; the one that was not asked for longest makes room for another."""

    def __init__(self, folder: Path, stop: Callable[[Job], None]) -> None:
        """Begins empty.

        Args:
            folder: An empty one, which whoever made it removes.
            stop: Ends a job on a picture that goes.
        """
        self._folder, self._stop = folder, stop
        self._rooms: dict[str, Room] = {}

    def begin(self) -> Room:
        """A new room that nobody can find yet: others go only when there is something in it."""
        name = secrets.token_urlsafe(16)
        room = Room(name, self._folder / name)
        room.folder.mkdir(mode=0o700)
        return room

    def keep(self, room: Room) -> None:
        """Takes a room in."""
        while len(self._rooms) >= PICTURES:
            idle = next((room for room in self._rooms.values() if not room.busy), None)
            self.remove(idle or next(iter(self._rooms.values())))
        self._rooms[room.name] = room

    def find(self, name: str) -> Room | None:
        """A room by its name, which thereby was asked for last."""
        room = self._rooms.pop(name, None)
        if room is not None:
            self._rooms[name] = room
        return room

    def remove(self, room: Room) -> None:
        """Removes a room and all its files."""
        self._rooms.pop(room.name, None)
        for job in room.jobs.values():
            self._stop(job)
        shutil.rmtree(room.folder, ignore_errors=True)
