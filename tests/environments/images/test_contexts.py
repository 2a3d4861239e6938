"""Contexts: what comes in as an archive, what is kept of it, and what is refused without residue."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from pytest_django import Settings

from accounts.tenancy import Actor
from environments.images import contexts, services
from environments.images.contexts import Upload
from environments.images.errors import BadContext, BadDockerfile
from environments.images.models import Dockerfile
from environments.models import Environment

FILES = {
    "Dockerfile": b"FROM debian\nCOPY a.txt /\n",
    "a.txt": b"hello",
    "sub/run.sh": b"#!/bin/sh\n",
    ".git/config": b"[core]",
}


def tar(files: dict[str, bytes], *members: tarfile.TarInfo, mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    return packed.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def put(actor: Actor, environment: Environment, data: bytes, text: str | None = None) -> Dockerfile:
    upload = Upload("files\n.tar", len(data), iter([data]))
    return services.put_dockerfile(
        actor=actor, environment_id=environment.pk, text=text, context=upload, now=timezone.now()
    )


def sent(kept: Dockerfile) -> dict[str, bytes]:
    """What the engine would get: name -> content."""

    async def read() -> bytes:
        parts = contexts.sent("FROM made\n", kept.environment_id, kept.context_sha256)
        return b"".join([part async for part in parts])

    found = {}
    with tarfile.open(fileobj=io.BytesIO(async_to_sync(read)())) as archive:
        for member in archive:
            file = archive.extractfile(member)
            found[member.name] = file.read() if file else b""
    return found


def on_disk(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "contexts").rglob("*") if path.is_file()] if data_dir.exists() else []


class TestPutDockerfile:
    @pytest.mark.parametrize(
        "data",
        [
            tar(FILES),
            tar(FILES, mode="w:gz"),
            zipped(FILES),
            tar({f"top/{name}": data for name, data in FILES.items()}),
        ],
    )
    def test_keeps_plain_files_and_takes_the_dockerfile_from_them(
        self, alice_actor: Actor, environment: Environment, data_dir: Path, data: bytes
    ) -> None:
        kept = put(alice_actor, environment, data)

        assert kept.text == FILES["Dockerfile"].decode()
        assert (kept.context_name, bool(kept.context_bytes)) == ("files .tar", True)
        found = sent(kept)
        assert set(found) == {"Dockerfile", "a.txt", "sub/run.sh"}
        assert found["a.txt"] == b"hello"
        assert found["Dockerfile"] == b"FROM made\n"
        [path] = on_disk(data_dir)
        assert path.parent.stat().st_mode & 0o077 == 0

    def test_takes_the_place_of_the_one_before(
        self, alice_actor: Actor, environment: Environment, data_dir: Path
    ) -> None:
        put(alice_actor, environment, tar({"a": b"1"}), text="FROM debian")
        put(alice_actor, environment, tar({"a": b"2"}), text="FROM debian")
        assert len(on_disk(data_dir)) == 1

        services.put_dockerfile(
            actor=alice_actor, environment_id=environment.pk, text="FROM debian", now=timezone.now()
        )
        assert on_disk(data_dir) == []
        assert sent(Dockerfile.objects.get()) == {"Dockerfile": b"FROM made\n"}

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (tar({}, link("etc", "/etc")), "leads out"),
            (tar({"a": b""}, link("b", "../../etc/passwd")), "leads out"),
            (tar({"../a": b""}), "leads out"),
            (tar({"/a": b""}), "leads out"),
            (b"no archive", "Only zip"),
            (tar({"Dockerfile": b"\xff\xfe"}), "not text"),
        ],
    )  # fmt: skip
    def test_refuses_what_leads_out_of_it_or_cannot_be_read(
        self, alice_actor: Actor, environment: Environment, data_dir: Path, data: bytes, words: str
    ) -> None:
        with pytest.raises(BadContext, match=words):
            put(alice_actor, environment, data)

        assert on_disk(data_dir) == []
        assert not Dockerfile.objects.exists()

    def test_refuses_a_bad_dockerfile_from_a_context_with_its_lines(
        self, alice_actor: Actor, environment: Environment, data_dir: Path
    ) -> None:
        with pytest.raises(BadDockerfile) as caught:
            put(alice_actor, environment, tar({"Dockerfile": b"FROM debian\nADD http://a /\n"}))

        assert caught.value.details[0]["field"] == "dockerfile.2"
        assert on_disk(data_dir) == []

    def test_stops_reading_two_gigabytes_at_the_cap(
        self, alice_actor: Actor, environment: Environment, data_dir: Path, settings: Settings
    ) -> None:
        settings.BUILD_CONTEXT_MAX_BYTES = 10 * 2**20
        read = 0

        def zeros() -> Iterator[bytes]:
            nonlocal read
            for _ in range(2 * 2**10):
                read += 2**20
                yield bytes(2**20)

        with pytest.raises(BadContext, match="at most 10 MiB"):
            services.put_dockerfile(
                actor=alice_actor,
                environment_id=environment.pk,
                text="FROM debian",
                context=Upload("x.tar", 0, zeros()),  # who says how much it is may lie
                now=timezone.now(),
            )

        assert read <= 11 * 2**20
        assert on_disk(data_dir) == []

    def test_refuses_what_grows_when_it_is_unpacked(
        self, alice_actor: Actor, environment: Environment, data_dir: Path, settings: Settings
    ) -> None:
        settings.BUILD_CONTEXT_MAX_BYTES = 10 * 2**20

        with pytest.raises(BadContext, match="too large when unpacked"):
            put(alice_actor, environment, zipped({"zeros": bytes(20 * 2**20)}), text="FROM debian")

        assert on_disk(data_dir) == []


class TestTidy:
    def test_removes_what_uploads_and_environments_left(
        self, alice_actor: Actor, environment: Environment, foreign: Environment, data_dir: Path
    ) -> None:
        from environments.images import upkeep

        kept = put(alice_actor, environment, tar({"a": b"1"}), text="FROM debian")
        for name in (".incoming-old", str(foreign.pk)):
            (data_dir / "contexts" / name).mkdir()
        Environment.objects.filter(pk=foreign.pk).update(deleted_at=timezone.now(), purged_at=timezone.now())
        upkeep.tidy_contexts(young_s=-10.0)

        assert [path.name for path in (data_dir / "contexts").iterdir()] == [str(environment.pk)]
        assert sent(kept)

    def test_removes_what_a_build_needed_when_it_was_replaced(
        self, alice_actor: Actor, environment: Environment, data_dir: Path
    ) -> None:
        from environments.images import upkeep

        now = timezone.now()
        put(alice_actor, environment, tar({"a": b"1"}), text="FROM debian")
        build = services.request_build(actor=alice_actor, environment_id=environment.pk, now=now)
        kept = put(alice_actor, environment, tar({"a": b"2"}), text="FROM debian")
        upkeep.tidy_contexts(young_s=-10.0)
        assert len(on_disk(data_dir)) == 2
        services.cancel_build(actor=alice_actor, id=build.pk, now=now)

        upkeep.tidy_contexts()
        assert len(on_disk(data_dir)) == 2  # what is young may be on its way in
        upkeep.tidy_contexts(young_s=-10.0)

        assert len(on_disk(data_dir)) == 1
        assert sent(kept)
