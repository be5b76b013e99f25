"""Who may ask: pages of this server alone, under this machine's own name; and what browsers may do with the answers."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlic_registry.terminal import say

# Another name that leads here is somebody's trick to have a foreign page read ours (DNS rebinding).
_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses what comes under another name or from another page, and adds headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Stands before an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = _refusal(scope["method"], Headers(scope=scope))
        try:
            await (refusal or self.app)(scope, receive, guarded)
        except Exception as error:  # One visitor's request must not fill the terminal with tracebacks.
            say(f"error: a request ended in {type(error).__name__}: {error}", err=True)
            if not begun:
                await PlainTextResponse("Something went wrong that should not.", 500)(scope, receive, guarded)


def _refusal(method: str, headers: Headers) -> PlainTextResponse | None:
    host = headers.get("host", "")
    if _name(host) not in _NAMES:
        return PlainTextResponse("This page is for this machine alone: ask for it as 127.0.0.1.", 421)
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != host
    foreign = foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    # A link on another page may lead to this one; its scripts may do nothing here.
    link = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
    return PlainTextResponse("Other pages may not use this one.", 403) if foreign and not link else None


def _name(host: str) -> str:
    end = host.rfind("]") + 1
    return host[:end] if end else host.partition(":")[0]
