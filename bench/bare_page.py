"""What pages are compared with: a bare server's page of one script, one style, and rows of plain text."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

ROWS = "<style>p { height: 40px }</style>" + "<p>row</p>" * 10_000
PAGE = """<!doctype html><link rel=stylesheet href=style.css><script src=script.js defer></script>
<main><button>more</button><input><div></div></main>"""
SCRIPT = 'document.querySelector("button").onclick = () => document.querySelector("div").append("more ");'
FILES = {
    "/": (PAGE, "text/html"),
    "/rows": (f"<!doctype html><main>{ROWS}</main>", "text/html"),
    "/style.css": ("body { margin: 1em }", "text/css"),
    "/script.js": (SCRIPT, "text/javascript"),
}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        text, kind = FILES.get(self.path, ("", "text/plain"))
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written of it."""


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of the bare server, without a slash at the end."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
