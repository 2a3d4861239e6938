"""A build as server-sent events: what it prints by number, and its row as it changes."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, StreamingHttpResponse

from accounts.stream import Look, follow, frame
from accounts.tenancy import Actor
from environments.images.models import BuildOutput, ImageBuild
from environments.images.schemas import BuildOut, OutputOut

PIECES = 50  # at one look


def respond(request: HttpRequest, actor: Actor, build: ImageBuild, *, after: int) -> StreamingHttpResponse:
    """`output` events carry their number as id; `build` events have none. It ends when the build has ended."""
    known = request.headers.get("Last-Event-ID", "")
    seq = int(known) if known.isascii() and known.isdecimal() and len(known) < 10 else max(0, after)
    return follow(request, actor, _Progress(build.pk, seq).look)


class _Progress:
    def __init__(self, build_id: uuid.UUID, seq: int) -> None:
        self.build_id, self.seq = build_id, seq
        self._last = ""

    def look(self, actor: Actor) -> Look | None:
        """The row is read first, so that it never tells of an end whose output the reader has not got."""
        build = ImageBuild.objects.visible_to(actor).filter(pk=self.build_id).first()
        if build is None:
            return None
        pieces = list(BuildOutput.objects.filter(build=build, seq__gt=self.seq).order_by("seq")[:PIECES])
        frames = [frame("output", OutputOut.from_orm(one).model_dump_json(), id=one.seq) for one in pieces]
        self.seq = pieces[-1].seq if pieces else self.seq
        has_more = len(pieces) == PIECES
        data = BuildOut.from_orm(build).model_dump_json()
        if data != self._last and not has_more:
            self._last = data
            frames.append(frame("build", data))
        return Look(frames, build.is_finished and not has_more)
