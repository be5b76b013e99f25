"""A hub on this machine: repositories of models, with commits, as far as the client library asks for them."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class LocalHub(ThreadingHTTPServer):
    """Serves ``repos``: commits by repository, each the files by name; the last one is ``main``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos = {}
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, repo, files):
        commits = self.repos.setdefault(repo, {})
        files = {**(list(commits.values())[-1] if commits else {}), **files}
        name = hashlib.sha1(f"{len(commits)} {repo}".encode()).hexdigest()
        commits[name] = files
        return name


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def _send(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, content):
        self._send(200, json.dumps(content).encode(), Content_Type="application/json")

    def _missing(self, code):
        self._send(404, b"{}", X_Error_Code=code, X_Error_Message=code)

    def _found(self, repo, revision):
        commits = self.server.repos.get(repo)
        if commits is None:
            self._missing("RepoNotFound")
            return None
        name = list(commits)[-1] if revision == "main" else revision
        if name not in commits:
            self._missing("RevisionNotFound")
            return None
        return name, commits[name]

    def do_GET(self):
        parts = unquote(self.path.partition("?")[0]).strip("/").split("/")
        self.server.asked.append(self.path)
        if parts[:2] == ["api", "models"]:
            found = self._found("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
            if found is not None:
                name, files = found
                if parts[4:5] == ["tree"]:
                    sizes = {path: len(body) for path, body in files.items()}
                    self._json([{"type": "file", "oid": name, "size": n, "path": path} for path, n in sizes.items()])
                    return
                siblings = [{"rfilename": file} for file in files]
                repo = "/".join(parts[2:4])
                self._json({"_id": "1", "id": repo, "modelId": repo, "sha": name, "siblings": siblings, "tags": []})
            return
        if len(parts) < 4:
            self._missing("EntryNotFound")
            return
        found = self._found("/".join(parts[:2]), parts[3])
        if found is None:
            return
        name, files = found
        body = files.get("/".join(parts[4:]))
        if body is None:
            self._send(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=name)
            return
        self._send(200, body, X_Repo_Commit=name, ETag=f'"{hashlib.sha256(body).hexdigest()}"')

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != "Bearer hf_for_tests":
            self._send(401, b"{}")
            return
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.server.commit(repo, {})
            self._json({"url": f"{self.server.address}/{repo}", "id": repo})
        elif parts == ["api", "validate-yaml"]:
            self._json({"warnings": [], "errors": []})
        elif parts[4] == "preupload":
            files = json.loads(body)["files"]
            self._json({"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]})
        elif parts[4] == "commit":
            lines = [json.loads(line) for line in body.splitlines() if line]
            files = [line["value"] for line in lines if line["key"] == "file"]
            content = {file["path"]: base64.b64decode(file["content"]) for file in files}
            name = self.server.commit("/".join(parts[2:4]), content)
            self._json({"commitUrl": f"{self.server.address}/c/{name}", "commitOid": name, "success": True})
        else:
            self._missing("EntryNotFound")
