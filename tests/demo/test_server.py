"""What the page's server answers, and whom it refuses."""

import asyncio
import http.client
import io
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from plugin_maker import run_dlic
from running_demo import Demo
from skimage import data

from lightning_dlic.demo.album import Room
from lightning_dlic.demo.crew import Crew, Job

JSON = {"content-type": "application/json"}


def ask(demo: Demo, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and answer, as JSON where it is some."""
    connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=300)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, told)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if answer.headers["content-type"] == "application/json" else content


def follow(demo: Demo, job: dict[str, Any], seconds: float = 300) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while job["state"] not in ("done", "failed", "stopped") and time.monotonic() < end:
        time.sleep(0.1)
        job = ask(demo, "GET", f"/api/jobs/{job['job']}")[1]
    return job


def photo(size: tuple[int, int] = (160, 120)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(data.chelsea()).resize(size).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def room(demo: Demo) -> str:
    status, told = ask(demo, "POST", "/api/pictures", photo())
    assert status == 201
    read = follow(demo, told)
    assert read["state"] == "done", read
    assert read["made"]["original"]["width"] == 160
    return str(told["picture"])


def test_the_page_comes_with_a_policy_and_asks_nobody_else(demo: Demo) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=300)
    connection.request("GET", "/")
    answer = connection.getresponse()
    page = answer.read().decode()
    policy = answer.headers["content-security-policy"]
    assert answer.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in page.replace("<!doctype", "")
    names = ("app.js", "server.js", "view.js", "tables.js", "words.js", "style.css", "icon.svg")
    assert {ask(demo, "GET", f"/static/{name}")[0] for name in names} == {200}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"host": "evil.example"}, 421),
        ("GET", "/", {"host": "127.0.0.1.evil.example"}, 421),
        ("GET", "/", {"host": "localhost"}, 200),
        ("GET", "/", {"host": "[::1]:80"}, 200),
        ("POST", "/api/samples/coffee", {"origin": "http://evil.example"}, 403),
        ("POST", "/api/samples/coffee", {"origin": "null"}, 403),
        ("GET", "/api/about", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, 403),
        ("GET", "/", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 200),
        ("POST", "/api/pictures", {"content_length": str(1 << 40)}, 413),
    ],
)
def test_other_names_and_other_pages_are_refused(
    demo: Demo, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert ask(demo, method, path, **headers)[0] == status


@pytest.mark.parametrize(
    ("path", "asked", "status", "words"),
    [
        ("code", b"{", 400, "JSON"),
        ("code", b"[" * 2000, 400, "JSON"),
        ("code", {"bytes": 99, "pipeline": "photo"}, 400, "100"),
        ("code", {"bytes": 8001, "pipeline": "photo"}, 400, "8,000"),
        ("code", {"bytes": True, "pipeline": "photo"}, 400, "bytes"),
        ("code", {"bytes": 2000, "pipeline": "../../etc/passwd"}, 400, "pipeline"),
        ("code", {"bytes": 2000, "pipeline": ["photo"]}, 400, "pipeline"),
        ("hints", {"bytes": 2000}, 400, "pipeline"),
        ("code", b" " * 5000, 413, "more"),
    ],
)
def test_what_is_asked_is_checked(demo: Demo, room: str, path: str, asked: Any, status: int, words: str) -> None:
    got, told = ask(demo, "POST", f"/api/pictures/{room}/{path}", asked, **JSON)
    assert got == status
    assert words in told["error"]


@pytest.mark.parametrize(
    "name",
    ["upload", "pixels.npy", "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "none.png", "a%00b.png", "a" * 5000 + ".png"],
)
def test_only_pictures_and_bitstreams_leave_a_room(demo: Demo, room: str, name: str) -> None:
    assert ask(demo, "GET", f"/api/pictures/{room}/files/{name}")[0] == 404
    assert ask(demo, "GET", f"/api/pictures/{room}/files/original.png")[1].startswith(b"\x89PNG")
    assert ask(demo, "GET", f"/api/pictures/{room[:-1]}/files/original.png")[0] == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no picture at all", "not a picture"),
        (photo()[:200], "cannot be"),
        (b"\xd1\x1c\x10", "ends before"),
        (b"\xd1\x1c\x10\x10" + b"\xff\xff\x03" * 2, "pixels"),
        (b"\xff\xd8\xff" + bytes(2000), "cannot be"),
    ],
    ids=["text", "half a PNG", "half a bitstream", "a huge bitstream", "a broken JPEG"],
)
def test_bad_files_end_in_a_sentence(demo: Demo, body: bytes, words: str) -> None:
    read = follow(demo, ask(demo, "POST", "/api/pictures", body)[1])
    assert read["state"] == "failed"
    assert words in read["error"]
    assert str(demo.folder) not in read["error"]
    assert ask(demo, "POST", "/api/pictures", b"")[0] == 400


def test_a_heic_of_a_telephone_is_read(demo: Demo) -> None:
    heif, out = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed"), io.BytesIO()
    heif.from_pillow(Image.fromarray(data.chelsea()[:96, :128])).save(out)
    read = follow(demo, ask(demo, "POST", "/api/pictures", out.getvalue())[1])
    original = read["made"]["original"]
    assert (original["width"], original["height"], original["bytes"]) == (128, 96, len(out.getvalue()))


def test_a_large_picture_is_refused_before_it_is_decoded(demo: Demo) -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 8000)).save(out, "PNG")
    read = follow(demo, ask(demo, "POST", "/api/pictures", out.getvalue())[1])
    assert "64 megapixels" in read["error"]


@pytest.mark.slow
def test_two_visitors_at_once_and_one_who_cancels(demo: Demo, room: str) -> None:
    told = ask(demo, "POST", "/api/pictures", photo((96, 72)))[1]
    assert follow(demo, told)["state"] == "done"
    asked = {"bytes": 700, "pipeline": "bicubic"}
    large = ask(demo, "POST", "/api/pictures", photo((1600, 1200)))[1]
    assert follow(demo, large)["state"] == "done"
    first = ask(demo, "POST", f"/api/pictures/{large['picture']}/code", {"bytes": 8000, "pipeline": "hints"})[1]
    second = ask(demo, "POST", f"/api/pictures/{told['picture']}/code", asked)[1]
    done = follow(demo, second)
    assert done["state"] == "done", done
    parts = done["made"]["ours"]["parts"]
    assert sum(part["bytes"] for part in parts) == done["made"]["ours"]["bytes"] <= 700
    assert {"ours", "jpeg", "webp", "avif"} <= set(done["made"])
    # The other's work goes on until it is stopped, and then another's can begin.
    stopped = ask(demo, "DELETE", f"/api/jobs/{first['job']}")[1]
    assert stopped["state"] == "stopped"
    assert "ours" not in stopped["made"]
    again = ask(demo, "POST", f"/api/pictures/{told['picture']}/code", asked)[1]
    assert (again["job"], again["state"]) == (second["job"], "done")


def test_without_the_extra_it_says_which(inline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    _, error = inline("demo", "--no-browser", status=2)
    assert "starlette" in error
    assert "lightning-dlic[demo]" in error


@pytest.mark.slow
def test_a_port_that_is_taken_is_named_and_the_end_leaves_nothing(demo: Demo, tmp_path: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_dlic("demo", "--no-browser", "--port", str(port))
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: --port {port}: another program listens there")
    other = Demo(tmp_path, "--port", "0")
    ask(other, "POST", "/api/pictures", photo())
    assert list(tmp_path.glob("dlic-demo-*/*"))
    assert other.end() == 143
    assert not list(tmp_path.glob("dlic-demo-*"))


def test_who_sends_no_more_is_answered_and_costs_no_other_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_module = pytest.importorskip("lightning_dlic.demo.app")
    monkeypatch.setattr(app_module, "CHUNK_SECONDS", 0.05)
    monkeypatch.setattr(app_module, "ARRIVING_BYTES", 3000)
    app = app_module.make_app(tmp_path, Crew(1))
    sent: list[list[dict[str, Any]]] = []

    async def upload(size: int) -> None:
        parts = [{"type": "http.request", "body": bytes(size), "more_body": True}]
        sent.append(answers := [])

        async def receive() -> dict[str, Any]:
            return parts.pop() if parts else await asyncio.sleep(60, {})

        async def send(message: Any) -> None:
            answers.append(message)

        headers = [(b"host", b"127.0.0.1")]
        scope = {"type": "http", "method": "POST", "path": "/api/pictures", "headers": headers, "query_string": b""}
        await app(scope, receive, send)

    async def all_at_once() -> None:
        await asyncio.gather(*(upload(size) for size in (1000, 1000, 2000)))

    asyncio.run(all_at_once())
    assert [answers[0]["status"] for answers in sent] == [408, 408, 503]
    assert not list(tmp_path.iterdir())


def test_only_so_many_results_of_a_picture_are_kept(tmp_path: Path) -> None:
    room = Room("room", tmp_path)
    room.jobs["read",] = Job({"task": "read"}, state="done")
    for number in range(14):
        (tmp_path / f"code-{number}-ours.png").touch()
        room.jobs["code", number] = Job({"task": "code", "name": f"code-{number}"}, state="done")
    room.trim()
    assert list(room.jobs)[:2] == [("read",), ("code", 3)]
    assert sorted(path.name for path in tmp_path.iterdir())[:2] == ["code-10-ours.png", "code-11-ours.png"]
    assert not (tmp_path / "code-1-ours.png").exists()
