"""The one git function: environment, caps, deadline, cancellation, and nothing left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import git
from projects.errors import GitFailed, GitTimeout, GitTooLarge
from projects.repository import Repository, create_bare
from projects.vault import Vault
from tests.projects.building import Worktree


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


class TestRun:
    def test_returns_output_and_exit_code(self) -> None:
        result = git.run("version")

        assert result.exit_code == 0
        assert result.text.startswith("git version")

    def test_raises_git_failed_with_the_exit_code_and_keeps_stderr_out_of_the_message(self) -> None:
        with pytest.raises(GitFailed) as caught:
            git.run("no-such-command")

        assert caught.value.exit_code == 1
        assert "no-such-command" in caught.value.stderr
        assert "no-such-command" not in caught.value.message

    def test_kills_at_the_deadline_and_leaves_no_process(self, vault: Vault) -> None:
        def never_ending() -> Iterator[bytes]:
            while True:
                time.sleep(0.02)
                yield b"\n"

        before = _children()
        started_at = time.monotonic()

        with pytest.raises(GitTimeout):
            vault.repository.git("hash-object", "--stdin", input=never_ending(), limits=git.Limits(timeout_s=0.3))

        assert time.monotonic() - started_at < 3
        assert _children() == before

    def test_kills_past_the_output_cap(self, vault: Vault) -> None:
        oid = vault.repository.git("hash-object", "-w", "--stdin", input=b"x" * 1_000_000).text

        with pytest.raises(GitTooLarge):
            vault.repository.git("cat-file", "blob", oid, limits=git.Limits(stdout_bytes=1000))

    def test_keeps_the_head_of_the_output_when_it_may_truncate(self, vault: Vault) -> None:
        oid = vault.repository.git("hash-object", "-w", "--stdin", input=b"x" * 1_000_000).text
        limits = git.Limits(stdout_bytes=1000, can_truncate=True)

        result = vault.repository.git("cat-file", "blob", oid, limits=limits)

        assert result.is_truncated
        assert result.stdout == b"x" * 1000

    def test_passes_large_input_and_output_through_together(self, vault: Vault) -> None:
        oids = [vault.repository.git("hash-object", "-w", "--stdin", input=b"%d" % n * 5000).text for n in range(3)]
        names = "\n".join(oids * 2000).encode() + b"\n"

        result = vault.repository.git("cat-file", "--batch", input=names, limits=git.Limits(stdout_bytes=100 * git.MIB))

        assert result.stdout.count(oids[0].encode()) == 2000

    def test_ends_the_command_when_the_watch_raises(self, vault: Vault) -> None:
        def endless() -> Iterator[bytes]:
            while True:
                yield b"x" * 1000

        def stop() -> None:
            raise KeyError("cancelled")

        before = _children()

        with pytest.raises(KeyError):
            vault.repository.git("hash-object", "--stdin", input=endless(), watch=stop)

        assert _children() == before

    def test_splits_progress_at_carriage_returns(self, worktree: Worktree, tmp_path: Path) -> None:
        for number in range(30):
            worktree.commit({f"{number}.txt": b"%d" % number})
        pack = worktree.pack(tmp_path / "pack", "HEAD")
        create_bare(tmp_path / "bare.git")
        lines: list[str] = []

        with pack.open("rb") as file:
            Repository(tmp_path / "bare.git").git(
                "index-pack", "-v", "--stdin", input_file=file, on_stderr=lines.append
            )

        assert any(
            line.startswith("Receiving objects: 100%") or line.startswith("Indexing objects: 100%") for line in lines
        )


class TestEnvironment:
    def test_holds_nothing_of_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLIPWAY_SECRET_KEY", "canary-secret")
        monkeypatch.setenv("GIT_DIR", "/somewhere")
        monkeypatch.setenv("https_proxy", "http://proxy")

        environment = git.environment()

        assert "canary-secret" not in str(environment)
        assert not {"GIT_DIR", "https_proxy", "SSH_AUTH_SOCK"} & set(environment)
        assert environment["GIT_ALLOW_PROTOCOL"] == ""

    def test_runs_no_hook_monitor_or_filter_of_a_repository(self, worktree: Worktree, tmp_path: Path) -> None:
        trip = tmp_path / "tripped"
        program = tmp_path / "payload"
        program.write_text(f"#!/bin/sh\ntouch {trip}\n")
        program.chmod(0o755)
        for name in ("post-update", "reference-transaction", "pre-auto-gc"):
            (worktree.path / ".git/hooks" / name).symlink_to(program)
        worktree.git("config", "core.fsmonitor", str(program))
        repository = Repository(worktree.path / ".git")

        repository.update_refs({"refs/heads/other": worktree.head()})
        repository.git("ls-files")

        assert not trip.exists()

    @pytest.mark.parametrize(
        "address", ["ext::sh -c date", "file:///tmp", "git://127.0.0.1/x", "ssh://127.0.0.1/x", "http://127.0.0.1:1/x"]
    )
    def test_allows_no_transport_unless_told(self, address: str) -> None:
        with pytest.raises(GitFailed) as caught:
            git.run("ls-remote", address)

        assert "not allowed" in caught.value.stderr
