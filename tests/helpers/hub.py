"""A Hugging Face hub for tests: the part of its protocol that `datasets` and uploads and downloads of models use."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Repositories in memory, what was asked for, and what to do wrong.

    Args:
        repositories: {owner/name: {path: content}}.
    """

    daemon_threads = True

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = repositories
        self.token = ""  # of uploads
        self.asked: list[tuple[str, str]] = []
        self.fault = "none"  # "404", "500", "silent": of whatever is asked for; "half": of the data files

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/fault/"):  # the test's own door, for a client in another process
            self.server.fault = path.removeprefix("/fault/")
            return self.send_json({})
        self.server.asked.append((self.command, path))
        if self.server.fault == "silent":
            threading.Event().wait(60)
            return
        if self.server.fault in ("404", "500"):
            self.send_json({"error": "as the test asked for"}, int(self.server.fault))
        elif path == "/api/validate-yaml":  # of a card's header
            self.send_json({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self.create()
        elif path.startswith(("/api/datasets/", "/api/models/")):
            self.api(path.split("/", 3)[3])
        elif path.count("/") > 4 and path.split("/")[3] == "resolve":
            self.file(path.removeprefix("/"))
        elif path.startswith("/datasets/"):
            self.file(path.removeprefix("/datasets/"))
        else:
            self.send_json({}, 200 if path == "/" else 404)

    def api(self, path: str) -> None:
        """About a repository: what it is, its tree, some of its paths."""
        owner, name, *rest = path.split("/")
        repository = f"{owner}/{name}"
        files = self.server.repositories.get(repository)
        if files is None:
            self.send_json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif not rest or rest[0] == "revision":
            siblings = [{"rfilename": name} for name in files]
            facts = {"id": repository, "sha": COMMIT, "private": False, "disabled": False, "gated": False}
            self.send_json(facts | {"tags": [], "downloads": 0, "likes": 0, "siblings": siblings})
        elif rest[0] == "tree":
            under = "/".join(rest[2:])
            self.tree(files, f"{under}/" if under else "", "recursive=true" in self.path.lower())
        elif rest[0] == "paths-info":
            wanted = json.loads(self.body)["paths"]
            self.send_json([entry(name, files[name]) for name in wanted if name in files])
        elif rest[0] == "preupload":
            names = [file["path"] for file in json.loads(self.body)["files"]]
            self.send_json({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        elif rest[0] == "commit":
            self.commit(repository, files)
        else:
            self.send_json({"error": "not found"}, 404)

    def create(self) -> None:
        """Make a repository, with the right token."""
        facts = json.loads(self.body)
        repository = f"{facts['organization']}/{facts['name']}"
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.send_json({"error": "Invalid username or password."}, 401)
        elif repository in self.server.repositories:
            facts = {"error": "You already created this model repo", "url": f"{self.server.url}/{repository}"}
            self.send_json(facts, 409)
        else:
            self.server.repositories[repository] = {}
            self.send_json({"url": f"{self.server.url}/{repository}"})

    def commit(self, repository: str, files: dict[str, bytes]) -> None:
        """Keep the files of a commit, a line of JSON for each after the header's."""
        for line in map(json.loads, self.body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        url = f"{self.server.url}/{repository}/commit/{COMMIT}"
        self.send_json({"success": True, "commitUrl": url, "commitOid": COMMIT})

    def tree(self, files: dict[str, bytes], under: str, recursive: bool) -> None:
        """What lies in a folder; 404 if there is no such folder."""
        inside = [name for name in files if name.startswith(under)]
        deeper = [name for name in inside if "/" in name.removeprefix(under)]
        folders = sorted({under + name.removeprefix(under).split("/")[0] for name in deeper})
        shown = [entry(name, files[name]) for name in inside if recursive or name not in deeper]
        shown += [{"type": "directory", "path": folder, "size": 0, "oid": "0" * 40} for folder in folders]
        if inside:
            self.send_json(shown)
        else:
            self.send_json({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"})

    def file(self, path: str) -> None:
        """owner/name/resolve/revision/file"""
        owner, name, _, _, *parts = path.split("/")
        content = self.server.repositories.get(f"{owner}/{name}", {}).get("/".join(parts))
        if content is None:
            self.send_json(
                {"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
            )
            return
        start = 0
        if self.headers.get("Range"):
            start = int(self.headers["Range"].split("=")[1].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            half = self.server.fault == "half" and path.endswith(".parquet")
            self.wfile.write(content[start : start + (len(content) - start) // 2] if half else content[start:])
            if half:
                self.close_connection = True

    def send_json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def entry(name: str, content: bytes) -> dict[str, object]:
    """A file as the tree shows it."""
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    """The hub, running."""
    with Hub(repositories) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()
