"""What a sandbox asks for: one model call, read strictly, since anything may stand in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings

from gateway import catalog, refusals
from gateway.catalog import Tokens
from gateway.services import TOKEN_PREFIX

MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
BODY_MAX_BYTES = 32 * 2**20  # the vendor's own limit

_PREFIX = "/gateway/anthropic"
_PATHS = {_PREFIX + MESSAGES: MESSAGES, _PREFIX + COUNT_TOKENS: COUNT_TOKENS}
_PROBES = {"/", _PREFIX, f"{_PREFIX}/"}
_HEADERS_UP = ("accept", "anthropic-beta", "anthropic-version", "user-agent", "x-app")
# Fields by which the vendor itself would reach out to other hosts, or to things that other tenants made with our key.
_FORBIDDEN_FIELDS = ("mcp_servers", "container")
_FORBIDDEN_TOOLS = ("web_fetch", "mcp_toolset")
_BYTES_PER_TOKEN = 4
_PROMPT_ESTIMATE_MAX = 200_000  # long bodies are mostly pictures, which are few tokens
_OUTPUT_ESTIMATE_MAX = 8192

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Call:
    """One call to the Messages API, checked."""

    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    parsed: dict[str, Any]
    model: str

    @property
    def is_free(self) -> bool:
        return self.path == COUNT_TOKENS

    @property
    def estimate(self) -> Tokens:
        """A guess at what the call will use, held against the budget while it runs."""
        asked = self.parsed.get("max_tokens")
        output = asked if isinstance(asked, int) and asked > 0 else _OUTPUT_ESTIMATE_MAX
        prompt = min(len(self.body) // _BYTES_PER_TOKEN, _PROMPT_ESTIMATE_MAX)
        return Tokens(input=prompt, output=min(output, _OUTPUT_ESTIMATE_MAX))


def is_probe(method: str, path: str) -> bool:
    """Whether this is the question of older CLIs whether anyone is there."""
    return method == "HEAD" and path in _PROBES


def path_of(method: str, path: str) -> str:
    """The vendor's path.

    Raises: Refused (404: not on the list).
    """
    if method != "POST" or path not in _PATHS:
        raise refusals.not_offered(path.removeprefix(_PREFIX))
    return _PATHS[path]


def token_of(headers: Headers) -> str:
    """The session's token, from either header that the CLI may use.

    Raises: Refused (401: there is none).
    """
    for name, value in headers:
        text = value.decode("latin-1").strip()
        if name.lower() == b"authorization" and text[:7].lower() == "bearer ":
            text = text[7:].strip()
        elif name.lower() != b"x-api-key":
            continue
        if text.startswith(TOKEN_PREFIX):
            return text
    raise refusals.unknown_token()


def check_headers(headers: Headers) -> None:
    """Refuse early what its headers already rule out.

    Raises: Refused (413: too long; 400: packed).
    """
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit() and int(value) > BODY_MAX_BYTES:
            raise refusals.too_large(BODY_MAX_BYTES)
        if name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise refusals.bad_request("Send the request without content-encoding.")


def read_call(path: str, query: bytes, headers: Headers, body: bytes) -> Call:
    """Parse and check a call.

    Raises: Refused (400: not a request; 404: the model is not offered).
    """
    parsed = _parse(body)
    model = parsed.get("model")
    if not isinstance(model, str) or not model:
        raise refusals.bad_request("model: a name is required")
    if not catalog.is_allowed(model):
        raise refusals.unknown_model(model, settings.MODELS)
    _check_reach(parsed)
    if parsed.get("speed") not in (None, "standard"):
        raise refusals.bad_request("speed: only standard is offered here")
    is_beta = ("beta", "true") in parse_qsl(query.decode("latin-1"))
    return Call(path, "?beta=true" if is_beta else "", _headers_up(headers), body, parsed, model)


def _parse(body: bytes) -> dict[str, Any]:
    """A JSON object in which no name stands twice: two readers must not see two different requests."""
    try:
        parsed = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise refusals.bad_request("The request is not valid JSON.") from error
    if not isinstance(parsed, dict):
        raise refusals.bad_request("The request is not a JSON object.")
    return parsed


def _check_reach(parsed: dict[str, Any]) -> None:
    """The vendor must not become the way out of a sandbox: it fetches nothing for it, and opens no tenant's files."""
    for field in _FORBIDDEN_FIELDS:
        if parsed.get(field):
            raise refusals.bad_request(f"{field}: not offered here")
    for tool in _objects(parsed.get("tools")):
        if str(tool.get("type")).startswith(_FORBIDDEN_TOOLS):
            raise refusals.bad_request("tools: this one is not offered here")
    for message in _objects(parsed.get("messages")):
        for block in _objects(message.get("content")):
            for part in (block, *_objects(block.get("content"))):
                source = part.get("source")
                if isinstance(source, dict) and source.get("type") in ("url", "file"):
                    raise refusals.bad_request("source: send the content itself, not a link to it")


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice")
    return values


def _headers_up(headers: Headers) -> dict[str, str]:
    """The listed headers only; values that are not printable ASCII are left out."""
    values: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in _HEADERS_UP and value.isascii() and value.isprintable():
            values[name] = f"{values[name]},{value}" if name in values else value
    return values
