"""A server that answers requests of S3's interface as a test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BEGUN = b"<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>"
ENDED = b"<CompleteMultipartUploadResult><ETag>tag</ETag></CompleteMultipartUploadResult>"


class S3Script:
    """`answers`: by what a request is for (`get`, `put`, `begin`, `part`, `end`, `list`, `delete`), status and code."""

    def __init__(self, url: str, answers: Mapping[str, tuple[int, str]]) -> None:
        self.url = url
        self.answers = dict(answers)
        self.seen: list[str] = []
        self.silent: frozenset[str] = frozenset()
        """What is not answered, for as long as the server is there."""
        self.over = threading.Event()


def _what(method: str, query: str) -> str:
    match method, query:
        case "POST", "uploads=" | "uploads":
            return "begin"
        case "POST", "delete" | "delete=":
            return "remove"
        case "POST", _:
            return "end"
        case "PUT", _:
            return "part" if "partNumber" in query else "put"
        case "DELETE", _:
            return "abort"
        case _:
            return "list" if "list-type" in query else "get"


@contextmanager
def s3_script(**answers: tuple[int, str]) -> Iterator[S3Script]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = _what(self.command, urlsplit(self.path).query)
            script.seen.append(what)
            if what in script.silent:
                script.over.wait()
                return
            status, code = script.answers.get(what, (204 if what == "abort" else 200, ""))
            body = f"<Error><Code>{code}</Code><Message>s3cret</Message></Error>".encode() if code else b""
            if not code:
                body = {"begin": BEGUN, "end": ENDED}.get(what, b"")
            self.send_response(status)
            self.send_header("ETag", '"tag"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script = S3Script(f"http://127.0.0.1:{server.server_port}", answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        script.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
