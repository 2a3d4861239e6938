"""A Dockerfile's text as instructions, read as the engine's classic builder reads it.

What a builder could read otherwise than we do is refused, and what is built is written anew from these instructions:
so nothing is built that has not been looked at.

Source: docs.docker.com/reference/dockerfile, and the parser of Docker Engine 20.10 (read November 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from accounts.names import UNSAFE

MAX_BYTES = 64 * 1024
MAX_INSTRUCTIONS = 100  # each may become a layer
_KEYWORDS = """
ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD
RUN SHELL STOPSIGNAL USER VOLUME WORKDIR
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_DIRECTIVE = re.compile(r"\s*(?:#|//)\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*?)\s*")
_SPACES = re.compile(r"[ \t]+")
_HEREDOC = re.compile(r"(?:^|\s)\d*<<-?[\"']?[A-Za-z_]")
_FLAG = re.compile(r"--[a-z][a-z-]*(?:=[^\s\"'\\`]+)?")
_TWICE = "Builders read a line that ends with two escape characters in different ways; write it otherwise."
_TAKES_HEREDOC = ("RUN", "COPY", "ADD")


@dataclass(frozen=True)
class Problem:
    """Why a Dockerfile is not built, and in which line (from 1)."""

    line: int
    message: str


@dataclass(frozen=True)
class Instruction:
    """One instruction on one line: `--flags` apart from the rest."""

    line: int
    keyword: str
    flags: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return " ".join([self.keyword, *self.flags, self.text]).rstrip()

    def flag(self, name: str) -> str | None:
        """The value of `--name=value`."""
        given = [flag.partition("=")[2] for flag in self.flags if flag.partition("=")[0] == f"--{name}"]
        return given[-1] if given else None

    @property
    def words(self) -> list[str]:
        """What follows the flags: the strings of a JSON list, or what spaces separate."""
        if self.text.startswith("["):
            try:
                found = json.loads(self.text)
            except ValueError:
                found = None
            if isinstance(found, list) and all(isinstance(word, str) for word in found):
                return found
        return self.text.split()


@dataclass(frozen=True)
class Parsed:
    instructions: tuple[Instruction, ...]
    problems: tuple[Problem, ...]
    escape: str = "\\"


class _Refused(Exception):
    def __init__(self, line: int, message: str) -> None:
        self.problem = Problem(line, message)


def parse(text: str) -> Parsed:
    """The instructions of a Dockerfile, and what cannot be read in it."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return Parsed((), (Problem(1, f"A Dockerfile has at most {MAX_BYTES // 1024} KiB."),))
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if odd := [number for number, line in enumerate(lines, 1) if UNSAFE.search(line.replace("\t", " "))]:
        return Parsed(
            (), tuple(Problem(number, "This line holds an invisible or control character.") for number in odd)
        )
    escape, problems = _directives(lines)
    problems += [Problem(number, _TWICE) for number, line in enumerate(lines, 1) if _ends_twice(line, escape)]
    instructions = []
    for found in _logical(lines, escape):
        try:
            instructions.append(_instruction(*found, escape))
        except _Refused as refused:
            problems.append(refused.problem)
    if len(instructions) > MAX_INSTRUCTIONS:
        problems.append(
            Problem(instructions[MAX_INSTRUCTIONS].line, f"A Dockerfile has at most {MAX_INSTRUCTIONS} instructions.")
        )
    return Parsed(tuple(instructions), tuple(problems), escape)


def _directives(lines: list[str]) -> tuple[str, list[Problem]]:
    """What the comments at the top ask of the parser: its escape character is all that they may choose."""
    escape, problems = "\\", []
    for number, line in enumerate(lines, 1):
        found = _DIRECTIVE.fullmatch(line)
        name = found[1].lower() if found else ""
        if found and name == "escape":
            if found[2] not in ("\\", "`"):
                problems.append(Problem(number, "The escape character is \\ or `."))
            escape = found[2] if found[2] == "`" else "\\"
        elif found and name in ("syntax", "check"):
            problems.append(
                Problem(number, f"“# {name}=” loads another builder, which is not allowed here; remove this line.")
            )
        elif line.strip() and not line.lstrip().startswith(("#", "//")):
            break
    return escape, problems


def _logical(lines: list[str], escape: str) -> Iterator[tuple[int, str]]:
    """Lines put together where they go on, without comments and empty lines; each with the number of its first."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip(" \t").startswith("#"):
            continue
        begun = begun or number
        goes_on = line.rstrip(" \t").endswith(escape)
        parts.append(line.rstrip(" \t").removesuffix(escape) if goes_on else line)
        if not goes_on:
            yield begun, "".join(parts)
            begun, parts = 0, []
    if parts:
        yield begun, "".join(parts)


def _ends_twice(line: str, escape: str) -> bool:
    return line.rstrip(" \t").endswith(escape * 2) and not line.lstrip(" \t").startswith("#")


def inner(instruction: Instruction, escape: str) -> Instruction | Problem:
    """What an ONBUILD does when somebody builds upon its image."""
    try:
        return _instruction(instruction.line, instruction.text, escape)
    except _Refused as refused:
        return refused.problem


def _instruction(line: int, text: str, escape: str) -> Instruction:
    """Raises: _Refused."""
    keyword, *others = _SPACES.split(text.strip(" \t"), maxsplit=1)
    keyword, rest = keyword.upper(), others[0] if others else ""
    if keyword not in KEYWORDS:
        raise _Refused(line, f"There is no instruction {keyword[:40]}.")
    if not rest:
        raise _Refused(line, f"{keyword} needs something after it.")
    if rest.endswith(escape):
        raise _Refused(line, _TWICE)
    if keyword in _TAKES_HEREDOC and _HEREDOC.search(rest):
        raise _Refused(line, "This builder knows no here-documents (<<EOF); use && or several instructions.")
    flags, rest = _flags(line, rest)
    return Instruction(line, keyword, flags, rest)


def _flags(line: int, rest: str) -> tuple[tuple[str, ...], str]:
    """Raises: _Refused (a flag that quotes or escapes hide)."""
    flags = []
    while rest.startswith("--"):
        word, *others = _SPACES.split(rest, maxsplit=1)
        rest = others[0] if others else ""
        if not _FLAG.fullmatch(word):
            raise _Refused(line, "A flag is written as --name=value, without quotes.")
        flags.append(word)
    return tuple(flags), rest
