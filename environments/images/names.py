"""Names of images, by the grammar of the registries and nothing beyond it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from accounts.errors import Invalid

MAX_LENGTH = 255
OURS = "slipway/environment-"  # followed by the environment's id: what this server built

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9-]+(?=:[0-9]))(?::[0-9]{1,5})?"
_NAME = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_ID = re.compile(r"[0-9a-f]{64}|sha(?:256|384|512)(?::.*)?")  # which engines look for first
_HUB = ("docker.io", "index.docker.io")


class BadImageName(Invalid):
    """This is not the name of an image; write it as in name:tag."""


@dataclass(frozen=True)
class ImageName:
    """One image, by the shortest name that means it: `docker.io/library/debian:12` is `debian:12`."""

    repository: str
    tag: str = "latest"
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"

    @property
    def environment_id(self) -> uuid.UUID | None:
        """Whose own image it is, when it is one that this server builds."""
        try:
            return uuid.UUID(self.repository.removeprefix(OURS)) if self.repository.startswith(OURS) else None
        except ValueError:
            return None

    @property
    def is_ours(self) -> bool:
        """Whether it lies where only this server puts images, of whichever environment."""
        return self.repository.startswith(OURS)


def parse(text: str, *, field: str = "image") -> ImageName:
    """The image that a name means; an id of an image, whole or shortened, is no name.

    Raises: BadImageName.
    """
    found = _NAME.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None or _ID.fullmatch(text):
        raise BadImageName.field(field, BadImageName().message)
    host, path = found["host"], found["path"]
    if host in _HUB:
        host, path = None, path.removeprefix("library/")
    repository = f"{host}/{path}" if host else path.removeprefix("library/")
    return ImageName(repository, found["tag"] or "latest", found["digest"] or "")


def built(environment_id: uuid.UUID, build_id: uuid.UUID) -> ImageName:
    """What an image is called that one build makes for one environment."""
    return ImageName(f"{OURS}{environment_id}", build_id.hex)


def matches(name: ImageName, patterns: list[str]) -> bool:
    """Whether an operator's list names it: `*` stands for anything, a pattern without a tag for all tags."""
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: ImageName, pattern: str) -> bool:
    repository, _, tag = pattern.rpartition(":") if ":" in pattern.rpartition("/")[2] else (pattern, "", "*")
    return _like(repository, name.repository) and (not name.digest or tag == "*") and _like(tag, name.tag)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
