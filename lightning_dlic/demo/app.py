"""The page's server: what it answers, and to whom."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lightning_dlic.demo.album import Album, Room
from lightning_dlic.demo.crew import BusyError, Crew, Job
from lightning_dlic.demo.facts import SAMPLES, about, coloring_pipeline, pipelines, sample_file
from lightning_dlic.demo.guard import Guard
from lightning_dlic.demo.limits import (
    ARRIVING_BYTES,
    BODY_SECONDS,
    CHUNK_SECONDS,
    LEAST_BYTES,
    MOST_BYTES,
    UPLOAD_BYTES,
)

PAGE = Path(__file__).parent / "page"
_UPLOAD = "upload"
_ASKED_BYTES = 4096


def make_app(folder: Path, crew: Crew) -> Starlette:
    """The application.

    Args:
        folder: An empty one for what visitors give; whoever made it removes it.
        crew: Does the work.
    """
    # Where a system's tables say otherwise, browsers would refuse the page's modules.
    mimetypes.add_type("text/javascript", ".js")
    site = _Site(Album(folder, crew.stop), crew)
    routes = [
        Route("/", site.page),
        Route("/api/about", site.about),
        Route("/api/pictures", site.take, methods=["POST"]),
        Route("/api/samples/{name}", site.sample, methods=["GET", "POST"]),
        Route("/api/pictures/{room}/code", site.code, methods=["POST"]),
        Route("/api/pictures/{room}/hints", site.hints, methods=["POST"]),
        Route("/api/pictures/{room}/files/{name}", site.file),
        Route("/api/jobs/{name}", site.job),
        Route("/api/jobs/{name}", site.stop, methods=["DELETE"]),
        Mount("/static", StaticFiles(directory=PAGE)),
    ]
    handlers: Any = {HTTPException: _sentence, BusyError: _busy}
    return Starlette(routes=routes, middleware=[Middleware(Guard)], exception_handlers=handlers)


async def _sentence(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _busy(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)


class _Site:
    def __init__(self, album: Album, crew: Crew) -> None:
        self.album, self.crew = album, crew
        self._arriving = 0

    async def page(self, _: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def about(self, _: Request) -> Response:
        # Its first call imports the language of recipes.
        return JSONResponse(await run_in_threadpool(about))

    async def take(self, request: Request) -> Response:
        """Takes a file; neither its name nor its type is asked for."""
        told = request.headers.get("content-length", "")
        if told.isdecimal() and (len(told) > 18 or int(told) > UPLOAD_BYTES):
            raise _too_large()
        room = self.album.begin()
        try:
            await self._receive(request, room.folder / _UPLOAD)
            return self._read(room)
        except BaseException:
            self.album.remove(room)
            raise

    async def sample(self, request: Request) -> Response:
        name = request.path_params["name"]
        source = sample_file(name) if name in SAMPLES else None
        if source is None:
            raise HTTPException(404, "There is no such photograph here.")
        if request.method != "POST":
            return FileResponse(source)
        room = self.album.begin()
        (room.folder / _UPLOAD).write_bytes(source.read_bytes())
        return self._read(room)

    async def _receive(self, request: Request, path: Path) -> None:
        size = 0
        try:
            with path.open("wb") as file:
                async for chunk in _chunks(request):
                    size += len(chunk)
                    self._arriving += len(chunk)
                    if size > UPLOAD_BYTES:
                        raise _too_large()
                    if self._arriving > ARRIVING_BYTES:
                        raise HTTPException(503, "Too many others are uploading. Try again in a minute.")
                    file.write(chunk)
        except ClientDisconnect:
            raise HTTPException(400, "The upload broke off.") from None
        except OSError as error:
            raise HTTPException(507, f"The file cannot be kept here ({error.strerror}).") from error
        finally:
            self._arriving -= size
        if not size:
            raise HTTPException(400, "The file is empty.")

    def _read(self, room: Room) -> Response:
        self.album.keep(room)
        job = self._job(room, "read")
        return JSONResponse({"picture": room.name, **job.facts()}, 201)

    async def code(self, request: Request) -> Response:
        room, asked = self._room(request), await _asked(request)
        limit, pipeline = _limit(asked), _pipeline(asked)
        job = self._job(room, "code", bytes=limit, pipeline=pipeline)
        return JSONResponse(job.facts())

    async def hints(self, request: Request) -> Response:
        room, asked = self._room(request), await _asked(request)
        pipeline = await run_in_threadpool(coloring_pipeline, _pipeline(asked))
        job = self._job(room, "hints", bytes=_limit(asked), pipeline=pipeline)
        return JSONResponse(job.facts())

    def _job(self, room: Room, what: str, **asked: Any) -> Job:
        """A job on a picture; the same again where it was asked for before."""
        key = (what, *asked.values())
        job = room.jobs.get(key)
        if job is None or job.state in ("failed", "stopped"):
            room.trim()
            room.asked += 1
            number = f"{what}-{room.asked}"
            named = {} if what == "read" else {"name": number}
            job = self.crew.submit({"task": what, "folder": str(room.folder), **named, **asked})
            room.jobs[key] = job
        return job

    async def file(self, request: Request) -> Response:
        path = self._room(request).file(request.path_params["name"])
        if path is None:
            raise HTTPException(404, "There is no such file.")
        kind = "image/png" if path.suffix == ".png" else "application/octet-stream"
        return FileResponse(path, media_type=kind)

    async def job(self, request: Request) -> Response:
        return JSONResponse(self._found(request).facts())

    async def stop(self, request: Request) -> Response:
        job = self._found(request)
        await run_in_threadpool(self.crew.stop, job)
        return JSONResponse(job.facts())

    def _found(self, request: Request) -> Job:
        job = self.crew.find(request.path_params["name"])
        if job is None:
            raise HTTPException(404, "There is no such work here any more.")
        return job

    def _room(self, request: Request) -> Room:
        room = self.album.find(request.path_params["room"])
        if room is None:
            raise HTTPException(404, "This picture is not here any more. Give it again.")
        return room


def _too_large() -> HTTPException:
    return HTTPException(413, f"The file is larger than the {UPLOAD_BYTES >> 20} MB that this page takes.")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """What is sent, part by part, as long as it goes on."""
    stream, end = request.stream(), asyncio.get_running_loop().time() + BODY_SECONDS
    while True:
        left = end - asyncio.get_running_loop().time()
        try:
            chunk = await asyncio.wait_for(anext(stream), min(CHUNK_SECONDS, left))
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, "Nothing more came. Try again.") from None
        yield chunk


async def _asked(request: Request) -> Mapping[str, Any]:
    body = b""
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > _ASKED_BYTES:
            raise HTTPException(413, "That is more than was asked for.")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HTTPException(400, "Ask in JSON.")
    return found


def _limit(asked: Mapping[str, Any]) -> int:
    limit = asked.get("bytes")
    if type(limit) is not int or not LEAST_BYTES <= limit <= MOST_BYTES:
        raise HTTPException(400, f"Choose from {LEAST_BYTES} to {MOST_BYTES:,} bytes.")
    return limit


def _pipeline(asked: Mapping[str, Any]) -> str:
    name = asked.get("pipeline")
    if not isinstance(name, str) or name not in pipelines():
        raise HTTPException(400, "There is no such pipeline.")
    return name
