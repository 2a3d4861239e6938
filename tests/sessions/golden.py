"""Recorded lines of the real CLI, and the outputs that the reader is expected to make of them."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from sessions import claude

CAPTURES = Path(__file__).resolve().parent / "captures"
NAMES = sorted(file.stem for file in CAPTURES.glob("*.jsonl"))


def recorded(name: str) -> bytes:
    """The bytes that the CLI wrote."""
    return (CAPTURES / f"{name}.jsonl").read_bytes()


def path(name: str) -> Path:
    """Where the expected outputs are."""
    return CAPTURES / f"{name}.golden.json"


def outputs_of(name: str) -> list[claude.Output]:
    """What the reader makes of a recording."""
    state, outputs = claude.ReaderState(), list[claude.Output]()
    for line in claude.LineFramer().feed(recorded(name)):
        state, more = claude.reduce(state, line.data)
        outputs += more
    return outputs


def shown(outputs: list[claude.Output]) -> str:
    """Outputs as text: one JSON object a line."""
    return "".join(f"{json.dumps(_object(output), ensure_ascii=False)}\n" for output in outputs)


def _object(output: claude.Output) -> dict[str, Any]:
    fields = {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    return {"output": type(output).__name__} | {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Decimal):
        return f"{value:f}"
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
