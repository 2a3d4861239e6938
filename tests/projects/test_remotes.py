"""Addresses of foreign repositories: what is refused, the pin, the token, and the messages."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from projects import remotes
from projects.errors import BadUrl, GitFailed, NotARepository
from projects.repository import Repository, create_bare
from tests.projects import serving
from tests.projects.building import Worktree
from tests.projects.serving import GitServer


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def answer(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.fixture
def quarantined(tmp_path: Path) -> Repository:
    create_bare(tmp_path / "scratch.git")
    return Repository(tmp_path / "scratch.git")


class TestCheckUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ext::sh -c date",
            "ext::sh",
            "fd::3",
            "file:///etc",
            "/etc",
            "../rel",
            "-uhttps://example.com/x",
            "ssh://-oProxyCommand=x/y",
            "git@github.com:a/b",
            "git://github.com/a/b",
            "http://example.com/a",
            "ftp://example.com/a",
            "https://user:pass@example.com/a",
            "https://github.com@169.254.169.254/a",
            "https://example.com",
            "https:///a",
            "https://example.com/a\n.extraHeader=x",
            "https://example.com/a\0",
            "https://exa\tmple.com/a",
            "https://example.com/a b",
            "https://example.com/a?b=c",
            "https://example.com/a#b",
            "https://example.com\\@evil.com/a",
            "https://example.com:0/a",
            "https://example.com:99999/a",
            "https://example.com:x/a",
            "https://0x7f.1/a",
            "https://127.1/a",
            "https://2130706433/a",
            "https://0177.0.0.1/a",
            "https://1.2.3.0x4/a",
            "https://127.0.0.1/a",
            "https://localhost/a",
            "https://[::1]/a",
            "https://[::ffff:10.0.0.1]/a",
            "https://[::ffff:8.8.8.8]/a",
            "https://[64:ff9b::a00:1]/a",
            "https://[2002:a00:1::]/a",
            "https://[fe80::1%25eth0]/a",
            "https://[fe80::1]/a",
            "https://[fc00::1]/a",
            "https://100.64.0.1/a",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/a",
            "https://192.168.1.1/a",
            "https://0.0.0.0/a",
            "https://224.0.0.1/a",
            "https://255.255.255.255/a",
            "https://\uff11\uff12\uff17.0.0.1/a",
            "https://exämple.com/a",
            "https://-x.example.com/a",
            "https://example.com/" + "a" * 2000,
            "https://\ud800.com/a",
        ],
    )
    def test_refuses_it(self, url: str) -> None:
        with pytest.raises(BadUrl) as caught:
            remotes.check_url(url)

        assert caught.value.details[0]["field"] == "url"

    def test_pins_a_public_host_to_its_addresses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _resolve_to(monkeypatch, "140.82.112.3", "2606:4700::1111")

        remote = remotes.check_url("https://github.com/a/b.git")

        assert remote.pin == "github.com:443:140.82.112.3,[2606:4700::1111]"

    def test_refuses_a_host_with_one_private_address_among_public_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _resolve_to(monkeypatch, "140.82.112.3", "10.0.0.1")

        with pytest.raises(BadUrl):
            remotes.check_url("https://github.com/a/b.git")

    def test_allows_a_private_host_by_its_port_only(self, settings: Settings) -> None:
        settings.CLONE_PRIVATE_HOSTS = ["127.0.0.1:8123"]

        assert remotes.check_url("http://127.0.0.1:8123/a").port == 8123
        with pytest.raises(BadUrl):
            remotes.check_url("http://127.0.0.1:8124/a")


class TestPin:
    def test_decides_where_the_transfer_goes_whatever_the_name_says_later(
        self, server: GitServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The name does not exist at all, so only the pin can lead to the server."""
        origin = f"git.example.invalid:{server.server_port}"
        settings.CLONE_PRIVATE_HOSTS = [origin]
        with monkeypatch.context() as patched:
            _resolve_to(patched, "127.0.0.1")
            remote = remotes.check_url(f"http://{origin}/repo.git")

        assert remotes.probe(remote, token="").branches == ["main"]


class TestProbe:
    def test_reads_branches_and_the_default_one(self, server: GitServer, worktree: Worktree, tmp_path: Path) -> None:
        bare = Repository(tmp_path / "served/repo.git")
        bare.update_refs({"refs/heads/trunk": worktree.head(), "refs/heads/-x": worktree.head()})
        bare.set_head("trunk")

        found = remotes.probe(remotes.check_url(server.url("repo.git")), token="")

        assert found.default_branch == "trunk"
        assert sorted(found.branches) == ["main", "trunk"]

    @pytest.mark.parametrize("path", ["page", "nothing.git", "page/x.git"])
    def test_raises_not_a_repository(self, server: GitServer, path: str) -> None:
        with pytest.raises(NotARepository) as caught:
            remotes.probe(remotes.check_url(server.url(path)), token="")

        assert caught.value.message.startswith("Not a Git repository")

    def test_follows_no_redirect_and_says_so(self, server: GitServer, tmp_path: Path) -> None:
        with serving.serve(tmp_path / "served") as tripwire:
            server.redirect_to = f"http://{tripwire.origin}"

            with pytest.raises(BadUrl, match="redirects"):
                remotes.probe(remotes.check_url(server.url("repo.git")), token="")

            assert tripwire.seen == []

    def test_says_that_a_token_is_needed(self, server: GitServer) -> None:
        server.authorization = "Basic eDp5"

        with pytest.raises(BadUrl, match="token"):
            remotes.probe(remotes.check_url(server.url("repo.git")), token="")
        with pytest.raises(BadUrl, match="token"):
            remotes.probe(remotes.check_url(server.url("repo.git")), token="wrong")

    def test_sends_the_token_to_that_server_only(self, server: GitServer) -> None:
        server.authorization = "Basic eC1hY2Nlc3MtdG9rZW46Z2hwX3NlY3JldA=="

        assert remotes.probe(remotes.check_url(server.url("repo.git")), token="ghp_secret").branches == ["main"]

    def test_keeps_the_token_out_of_every_command_line(self, server: GitServer) -> None:
        server.authorization = "Basic eC1hY2Nlc3MtdG9rZW46Z2hwX3NlY3JldA=="
        server.delay_s = 0.5
        seen: set[bytes] = set()

        def look() -> None:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(path.read_bytes())

        remotes.probe(remotes.check_url(server.url("repo.git")), token="ghp_secret", watch=look)

        ours = [line for line in seen if server.origin.encode() in line]
        assert any(b"ls-remote" in line for line in ours)
        assert any(b"remote-http" in line for line in ours)
        assert not [line for line in ours if b"ghp_secret" in line or b"eC1hY2Nlc3Mt" in line]

    def test_says_so_when_nobody_listens(self, settings: Settings) -> None:
        settings.CLONE_PRIVATE_HOSTS = ["127.0.0.1:1"]

        with pytest.raises(BadUrl, match="cannot be reached"):
            remotes.probe(remotes.check_url("http://127.0.0.1:1/x.git"), token="")

    def test_gives_up_at_its_deadline(self, server: GitServer) -> None:
        server.delay_s = 5

        with pytest.raises(BadUrl, match="in time"):
            remotes.probe(remotes.check_url(server.url("repo.git")), token="", timeout_s=0.7)


class TestFetch:
    def test_brings_branches_and_tags_and_leaves_no_token(
        self, server: GitServer, worktree: Worktree, tmp_path: Path, quarantined: Repository
    ) -> None:
        Repository(tmp_path / "served/repo.git").update_refs(
            {"refs/tags/v1": worktree.head(), "refs/pull/1": worktree.head()}
        )
        lines: list[str] = []

        remotes.fetch(
            quarantined,
            remotes.check_url(server.url("repo.git")),
            token="canary-token",
            timeout_s=20,
            watch=lambda: None,
            on_progress=lines.append,
        )

        assert set(quarantined.refs()) == {"refs/heads/main", "refs/tags/v1"}
        stored = b"".join(path.read_bytes() for path in quarantined.path.rglob("*") if path.is_file())
        assert b"canary-token" not in stored
        assert b"Y2FuYXJ5LXRva2Vu" not in stored
        assert any("Receiving objects" in line or "Unpacking" in line for line in lines)

    def test_refuses_dangerous_objects(
        self, server: GitServer, worktree: Worktree, tmp_path: Path, quarantined: Repository
    ) -> None:
        link = worktree.tree(("120000", b".gitmodules", worktree.blob(b"/etc/passwd")))
        bad = worktree.commit_tree(link)
        worktree.git("push", "--quiet", str(tmp_path / "served/repo.git"), f"{bad}:refs/heads/bad")

        with pytest.raises((BadUrl, GitFailed), match="dangerous"):
            remotes.fetch(
                quarantined,
                remotes.check_url(server.url("repo.git")),
                token="",
                timeout_s=20,
                watch=lambda: None,
                on_progress=lambda line: None,
            )
