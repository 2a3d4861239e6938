"""The one place where request data becomes Python values: what the database or a log could choke on stops here."""

from __future__ import annotations

import json
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from accounts.errors import Invalid

MAX_DEPTH = 50


class StrictParser(Parser):
    """JSON in UTF-8 without NUL, lone surrogates, NaN or towers of brackets; forms and queries without NUL."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type not in ("application/json", "", None):
            raise Invalid("Send JSON, with the header Content-Type: application/json.")
        value = parse_json(request.body)
        if not isinstance(value, dict):  # a schema whose fields all have defaults would take it for an empty one
            raise Invalid("The body is not a JSON object.")
        return value

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        result = super().parse_querydict(data, list_fields, request)
        for name, value in result.items():
            for one in value if isinstance(value, list) else [value]:
                text = one.name if isinstance(one, UploadedFile) else one
                check_text(f"{name}{text}")
        return result


def parse_json(data: bytes) -> Any:
    """The value of a JSON document. Raises: Invalid."""
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise Invalid("The body is not valid UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Invalid("The body is not valid JSON.") from error
    _check(value, MAX_DEPTH)
    return value


def check_text(text: str) -> None:
    """Raise Invalid for text that PostgreSQL cannot store."""
    if "\x00" in text:
        raise Invalid("Text must not contain NUL characters.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Invalid("Text must not contain lone surrogates.") from error


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise Invalid(f"The body is nested deeper than {MAX_DEPTH} levels.")
        for item in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _check(item, depth - 1)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
