"""What people and programs send that is wrong: bodies, branches, addresses, archives."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from uuid_utils.compat import uuid7

LONG = "n" * 10_000
RANDOM = str(uuid7())

SESSION, MESSAGE, PROJECT = "/projects/{project}/sessions", "/sessions/{session}/messages", "/projects"
NAMES = ["", " ", LONG, "a\x00b", "a\x1bb", "\u202eevil", "a\nb"]
BRANCHES = [
    "--upload-pack=x",
    "-x",
    "../../etc",
    "main..x",
    "a b",
    "refs/heads/main:x",
    "@{1}",
    "no-such",
    LONG,
    "a\x00b",
]
MODELS = ["no-such", "../sonnet", LONG, "--model", "a\x00b"]
URLS = [
    *("https://10.0.0.1/x.git", "https://127.1/x.git", "https://127.0.0.1/x.git", "https://localhost/x.git"),
    *("https://169.254.169.254/latest/meta-data", "https://[::1]/x.git", "https://[::ffff:127.0.0.1]/x.git"),
    *("https://2130706433/x.git", "https://0x7f.1/x.git", "https://0177.0.0.1/x.git", "https://0.0.0.0/x.git"),
    *("https://192.168.1.1/x.git", "https://172.16.0.1/x", "https://100.64.0.1/x", "https://[fd00::1]/x"),
    *("https://[64:ff9b::7f00:1]/x", "ext::sh -c touch% /tmp/x", "file:///etc", "/etc", "../x", "git://example.com/x"),
    *("ssh://-oProxyCommand=touch/x", "-oProxyCommand=x:y", "--upload-pack=x", "http://example.com/x.git"),
    *("https://user:pass@127.0.0.1/x", "https://127.0.0.1#@example.com/x", "https://example.com\\@127.0.0.1/x"),
    *("https://", "", LONG, "https://" + LONG, "https://exa\x00mple.com/", "https://example.com/\r\nHost: x", "fd::17"),
]


def session_body(**fields: Any) -> dict[str, Any]:
    return {"name": "new", "prompt": "hello", **fields}


def bodies() -> Iterator[tuple[str, str, Any, tuple[int, ...]]]:
    """Method, path, body and the statuses that are right for it."""
    for name in NAMES:
        if name.strip():  # without one it is called as its prompt says
            yield "POST", SESSION, session_body(name=name), (400, 422)
        yield "POST", PROJECT, {"organization_id": "{org}", "name": name, "source": "EMPTY"}, (400,)
        yield "PATCH", "/sessions/{session}", {"name": name}, (400,)
        yield "PATCH", "/projects/{project}", {"name": name}, (400,)
        yield "PATCH", "/orgs/{org}", {"name": name}, (400,)
    for branch in BRANCHES:
        yield "POST", SESSION, session_body(base_branch=branch), (400, 404)
        yield "PATCH", "/projects/{project}", {"default_branch": branch}, (400, 404)
    for model in MODELS:
        yield "POST", SESSION, session_body(model=model), (400,)
        yield "PATCH", "/sessions/{session}", {"model": model}, (400,)
        yield "PATCH", "/projects/{project}", {"default_model": model}, (400,)
    for url in URLS:
        yield "POST", PROJECT, {"organization_id": "{org}", "name": "x", "source": "URL", "url": url}, (400,)
    for token in ("a b", "a\r\nX: y", "ä", LONG, "a\x00"):
        body = {"organization_id": "{org}", "name": "x", "source": "URL", "url": "https://127.0.0.1/x", "token": token}
        yield "POST", PROJECT, body, (400,)
    for text in ("", " ", "\n\t "):
        yield "POST", MESSAGE, {"text": text}, (422,)
    values: list[Any] = ["a\x00b", None, 5, [], {}]
    for value in values:
        yield "POST", MESSAGE, {"text": value}, (400,)
    yield "POST", MESSAGE, {}, (400,)
    yield "POST", MESSAGE, {"text": "x", "id": "not-a-uuid"}, (400,)
    for mode in ("root", "", LONG, "bypass"):
        yield "POST", SESSION, session_body(permission_mode=mode), (400,)
    for count in (0, -1, 11, 10**9, 2**70, 1.5, "2x", None):
        yield "POST", SESSION, session_body(count=count), (400,)
    yield "POST", SESSION, session_body(environment_id=RANDOM), (404,)
    yield "POST", SESSION, session_body(message_id="x"), (400,)
    yield "POST", SESSION, session_body(prompt="  "), (422,)
    yield "PATCH", "/projects/{project}", {"default_environment_id": RANDOM}, (404,)
    yield "POST", PROJECT, {"organization_id": RANDOM, "name": "x", "source": "EMPTY"}, (404,)
    for source in ("UPLOAD", "empty", "", "GIT", LONG):
        yield "POST", PROJECT, {"organization_id": "{org}", "name": "x", "source": source}, (400,)
    for decision in ("maybe", "", None, True):
        yield "POST", "/sessions/{session}/approve", {"permission_id": RANDOM, "decision": decision}, (400,)
    yield "POST", "/sessions/{session}/approve", {"permission_id": RANDOM, "decision": "allow"}, (404,)
    yield "POST", "/sessions/{session}/cancel", {"job_id": RANDOM}, (404,)
    for key in ("short", LONG, "sk with spaces and more of it", "ключ" * 10, "sk-ant-\x00-000000000000000"):
        yield "PUT", "/orgs/{org}/provider-key", {"key": key}, (400,)
    for kind in ("DOCKER", "SSH", "MODAL", "NOPE", ""):
        yield (
            "POST",
            "/environments",
            {"organization_id": "{org}", "name": "x", "kind": kind, "config": {"image": "--privileged"}},
            (400,),
        )
    wrongs: list[Any] = [None, True, 5, "text", [], [[]], [{}]]
    for wrong in wrongs:
        for path in (SESSION, PROJECT, MESSAGE, "/sessions/{session}/approve"):
            yield "POST", path, wrong, (400,)
    for method, path in (("POST", "/tokens"), ("DELETE", f"/tokens/{RANDOM}")):
        yield method, path, {"organization_id": "{org}", "name": "x", "scopes": ["READ"]}, (401, 403, 404)


def raw_bodies() -> Iterator[tuple[str, bytes]]:
    """Bodies that are no JSON document in UTF-8, or hold what cannot be stored."""
    yield "a lone surrogate as an escape", b'{"text": "\\ud800 x"}'
    yield "half a pair as an escape", b'{"text": "x \\udc00\\ud800"}'
    yield "a surrogate in UTF-8", b'{"text": "\xed\xa0\x80"}'
    yield "invalid UTF-8", b'{"text": "\xff\xfe"}'
    yield "UTF-16", '{"text": "x"}'.encode("utf-16")
    yield "NUL as an escape", b'{"text": "\\u0000"}'
    yield "NUL", b'{"text": "\x00"}'
    yield "a key with NUL", b'{"text": "x", "\\u0000": 1}'
    yield "half a document", b'{"text": "x"'
    yield "two documents", b'{"text": "x"}{"text": "y"}'
    yield "no document", b""
    yield "NaN", b'{"text": NaN}'
    yield "a tower", b"[" * 100_000
    yield "a tower that ends", b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    yield "a number of a million digits", b'{"text": ' + b"9" * 1_000_000 + b"}"
    yield "a form", b"text=hello"


def zipped(*names: str, link: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "owned")
        if link:
            info = zipfile.ZipInfo("link")
            info.external_attr = 0o120777 << 16
            archive.writestr(info, link)
    return file.getvalue()


def tarred(*members: tuple[str, bytes, str]) -> bytes:
    """Name, type and the target of a link."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = 5 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"owned") if kind == tarfile.REGTYPE else None)
    return file.getvalue()


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "climbs.zip": lambda: zipped("../../evil"),
    "absolute.zip": lambda: zipped("/tmp/evil"),
    "git.zip": lambda: zipped(".git/hooks/post-checkout"),
    "git-case.zip": lambda: zipped("x/.GIT/config"),
    "dots.zip": lambda: zipped("a/../../evil"),
    "link.zip": lambda: zipped("a", link="/etc/passwd"),
    "climbing-link.zip": lambda: zipped("a", link="../../x"),
    "control.zip": lambda: zipped("a\x1bb"),
    "climbs.tar.gz": lambda: tarred(("../evil", tarfile.REGTYPE, "")),
    "absolute.tar.gz": lambda: tarred(("/tmp/evil", tarfile.REGTYPE, "")),
    "link.tar.gz": lambda: tarred(("link", tarfile.SYMTYPE, "/etc"), ("link/evil", tarfile.REGTYPE, "")),
    "hard.tar.gz": lambda: tarred(("hard", tarfile.LNKTYPE, "../../etc/passwd")),
    "device.tar.gz": lambda: tarred(("dev", tarfile.CHRTYPE, "")),
    "pipe.tar.gz": lambda: tarred(("pipe", tarfile.FIFOTYPE, "")),
    "empty.zip": lambda: zipped(),
    "empty": lambda: b"",
    "noise.zip": lambda: random.Random(1).randbytes(10_000),
    "cut.tar.gz": lambda: tarred(("a", tarfile.REGTYPE, ""))[:-20],
    "false.bundle": lambda: b"# v2 git bundle\n" + b"0" * 40 + b" refs/heads/main\n\nPACKxxxx",
}
