"""Uploads: what comes in, and hostile archives refused without residue."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from pytest_django import Settings

from projects import contents
from projects.errors import BadArchive, RejectedObjects
from projects.repository import Repository, quarantine, scratch_root
from runtime import archives
from tests.projects.building import Worktree

Item = tuple[str, bytes]


def _zip(path: Path, *items: Item | tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in items:
            archive.writestr(name, data)
    return path


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def _member(name: str, kind: bytes = tarfile.REGTYPE, **values: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in values.items():
        setattr(member, key, value)
    return member


def _tar(path: Path, *items: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member, data in items:
            if data:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def _import(source: Path) -> dict[str, tuple[str, bytes]]:
    """Path -> (mode, content) of the first commit."""
    with quarantine() as scratch:
        branch = contents.fill_upload(scratch, source, filename="x.zip")
        return _read(scratch, f"refs/heads/{branch}")


def _read(repository: Repository, ref: str) -> dict[str, tuple[str, bytes]]:
    found = {}
    for line in repository.git("ls-tree", "-r", "-z", ref).stdout.split(b"\0")[:-1]:
        meta, _, name = line.partition(b"\t")
        mode, _, oid = meta.decode().split(" ")
        found[name.decode()] = (mode, repository.git("cat-file", "blob", oid).stdout)
    return found


class TestPlainArchives:
    def test_takes_a_zip(self, tmp_path: Path) -> None:
        source = _zip(
            tmp_path / "a",
            ("a.txt", b"one"),
            (_info("run.sh", stat.S_IFREG | 0o755), b"#!/bin/sh\n"),
            ('日本/ü"q.txt', b"two"),
            ("empty", b""),
            (_info("link", stat.S_IFLNK | 0o777), b"a.txt"),
        )

        assert _import(source) == {
            "a.txt": ("100644", b"one"),
            "run.sh": ("100755", b"#!/bin/sh\n"),
            '日本/ü"q.txt': ("100644", b"two"),
            "empty": ("100644", b""),
            "link": ("120000", b"a.txt"),
        }

    @pytest.mark.parametrize("mode", ["w", "w:gz"])
    def test_takes_a_tar(self, tmp_path: Path, mode: str) -> None:
        source = _tar(
            tmp_path / "a",
            (_member("./sub", tarfile.DIRTYPE), b""),
            (_member("./sub/run", mode=0o755), b"x" * 100_000),
            (_member("./top"), b"y" * 1024),
            (_member("./sub/link", tarfile.SYMTYPE, linkname="../top"), b""),
            (_member("./" + "long/" * 40 + "name"), b"z"),
            mode=mode,
        )

        found = _import(source)

        assert found["sub/run"] == ("100755", b"x" * 100_000)
        assert found["top"] == ("100644", b"y" * 1024)
        assert found["sub/link"] == ("120000", b"../top")
        assert found["long/" * 40 + "name"] == ("100644", b"z")

    def test_leaves_out_the_one_folder_round_everything(self, tmp_path: Path) -> None:
        source = _zip(tmp_path / "a", ("repo-main/a", b"1"), ("repo-main/b/c", b"2"), ("__MACOSX/._a", b"junk"))

        assert set(_import(source)) == {"a", "b/c"}

    def test_reads_a_name_like_a_command_as_a_name(self, tmp_path: Path) -> None:
        names = ["$(touch x)", "-rf", "a b;c", "`id`"]

        assert set(_import(_zip(tmp_path / "a", *[(name, b"x") for name in names]))) == set(names)


class TestHostileArchives:
    @pytest.mark.parametrize(
        "name",
        [
            "../x",
            "a/../../x",
            "/etc/x",
            "a/./b",
            "a//b",
            "..\\x",
            "C:/x",
            "C:x",
            ".git/config",
            "a/.git/config",
            "a/.GIT/hooks/x",
            "a/.git",
            "GIT~1/x",
            "a/.git./x",
            "a/.git /x",
            "a\nb",
            "a\x1bb",
            "a/..",
            "x" * 300,
            "d/" * 100 + "x",
        ],
    )
    def test_refuses_a_name_in_a_zip(self, tmp_path: Path, name: str) -> None:
        self._refused(_zip(tmp_path / "a", ("ok.txt", b"x"), (name, b"x")))

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ".git/config", "a/.git/x"])
    def test_refuses_a_name_in_a_tar(self, tmp_path: Path, name: str) -> None:
        self._refused(_tar(tmp_path / "a", (_member("ok"), b"x"), (_member(name), b"x")))

    def test_tells_to_send_a_bundle_for_a_git_folder(self, tmp_path: Path) -> None:
        with pytest.raises(BadArchive, match="git bundle create"):
            _import(_zip(tmp_path / "a", ("repo/.git/HEAD", b"x"), ("repo/a", b"x")))

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "..", "a/../../x", "", "x\0y"])
    def test_refuses_a_link_that_leads_out(self, tmp_path: Path, target: str) -> None:
        self._refused(_zip(tmp_path / "a", ("ok", b"x"), (_info("link", stat.S_IFLNK | 0o777), target.encode())))

    def test_refuses_writing_through_a_link(self, tmp_path: Path) -> None:
        self._refused(
            _zip(tmp_path / "a", (_info("link", stat.S_IFLNK | 0o777), b"sub"), ("link/x", b"x"), ("sub/y", b""))
        )

    @pytest.mark.parametrize(
        "kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"Z"]
    )
    def test_refuses_hard_links_devices_and_unknown_kinds(self, tmp_path: Path, kind: bytes) -> None:
        source = _tar(tmp_path / "a", (_member("ok"), b"x"), (_member("bad", kind, linkname="ok"), b""))
        if kind == tarfile.CONTTYPE:  # an old word for a plain file
            assert set(_import(source)) == {"ok", "bad"}
        else:
            self._refused(source)

    @pytest.mark.parametrize("mode", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFBLK])
    def test_refuses_special_files_in_a_zip(self, tmp_path: Path, mode: int) -> None:
        self._refused(_zip(tmp_path / "a", ("ok", b"x"), (_info("bad", mode | 0o644), b"")))

    @pytest.mark.parametrize("bits", [0o4755, 0o2755, 0o1644])
    def test_refuses_special_rights(self, tmp_path: Path, bits: int) -> None:
        self._refused(_tar(tmp_path / "a", (_member("bad", mode=bits), b"x"), (_member("ok"), b"x")))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    @pytest.mark.parametrize(
        ("one", "two"), [("a", "a"), ("README", "readme"), ("é", "e\u0301"), ("a", "a/b"), ("A", "a/b")]
    )
    def test_refuses_names_that_collide(self, tmp_path: Path, one: str, two: str) -> None:
        self._refused(_zip(tmp_path / "a", (one, b"1"), (two, b"2"), ("other", b"3")))

    def test_refuses_a_bomb(self, tmp_path: Path) -> None:
        zeros = b"\0" * (70 * 2**20)

        self._refused(_zip(tmp_path / "z", ("a", zeros), ("b", b"")), match="too large")
        self._refused(_tar(tmp_path / "t", (_member("a"), zeros)), match="too large")
        (tmp_path / "g").write_bytes(gzip.compress(zeros))
        self._refused(tmp_path / "g", match="too large")

    def test_refuses_overlapping_entries_that_are_small_on_disk(self, tmp_path: Path, settings: Settings) -> None:
        settings.CLONE_MAX_BYTES = 1000

        self._refused(_zip(tmp_path / "a", *[(f"{n}", b"x" * 300) for n in range(4)]), match="too large")

    def test_refuses_too_many_entries_before_reading_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archives, "MAX_ENTRIES", 20)
        names = [f"{number}" for number in range(30)]

        self._refused(_zip(tmp_path / "z", *[(name, b"") for name in names]), match="more than")
        self._refused(_tar(tmp_path / "t", *[(_member(name), b"") for name in names]), match="more than")

    def test_refuses_a_million_entries_soon(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"PK\3\4" + (b"PK\1\2" + b"\0" * 42) * 1_000_000 + b"PK\5\6" + b"\0" * 18)

        self._refused(tmp_path / "a", match="more than")

    def test_refuses_a_header_that_asks_for_much_memory(self, tmp_path: Path) -> None:
        header = _member("x", tarfile.XHDTYPE, size=2**30).tobuf(tarfile.USTAR_FORMAT)
        (tmp_path / "a").write_bytes(header + b"\0" * 4096)

        self._refused(tmp_path / "a")

    def test_refuses_a_password(self, tmp_path: Path) -> None:
        data = bytearray(_zip(tmp_path / "a", ("x", b"secret")).read_bytes())
        for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            data[data.index(signature) + offset] |= 1
        (tmp_path / "a").write_bytes(data)

        self._refused(tmp_path / "a", match="encrypted")

    def test_refuses_a_size_that_is_a_lie(self, tmp_path: Path) -> None:
        data = bytearray(_zip(tmp_path / "a", ("x", b"y" * 100), ("z", b"")).read_bytes())
        struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, 5000)
        (tmp_path / "a").write_bytes(data)

        self._refused(tmp_path / "a", match="damaged")

    @pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
    def test_refuses_a_damaged_archive(self, tmp_path: Path, kind: str, keep: float) -> None:
        body = bytes(range(256)) * 40
        if kind == "zip":
            source = _zip(tmp_path / "a", ("x", body), ("y", body))
        else:
            source = _tar(
                tmp_path / "a", (_member("x"), body), (_member("y"), body), mode="w" if kind == "tar" else "w:gz"
            )
        data = source.read_bytes()
        end = len(data) if kind != "tar" else 22_000  # the rest is padding
        source.write_bytes(data[: int(end * keep)])

        self._refused(source)

    @pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b", b"PK", b"PK\3\4", b"Rar!\x1a\x07", b"\0" * 600])
    def test_refuses_what_is_no_archive(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a").write_bytes(data)

        self._refused(tmp_path / "a")

    def test_refuses_an_archive_without_files(self, tmp_path: Path) -> None:
        self._refused(_zip(tmp_path / "a", ("dir/", b"")), match="no files")

    def test_refuses_dangerous_gitmodules(self, tmp_path: Path) -> None:
        self._refused(
            _zip(tmp_path / "a", (".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = -u./x\n'), ("x", b""))
        )

    def _refused(self, source: Path, match: str | None = None) -> None:
        with pytest.raises((BadArchive, RejectedObjects), match=match):
            _import(source)
        assert not list(scratch_root().iterdir())


class TestBundle:
    def test_takes_all_branches_and_tags_of_a_bundle(self, worktree: Worktree, tmp_path: Path) -> None:
        worktree.git("tag", "-a", "v1", "-m", "one")
        worktree.git("checkout", "--quiet", "-b", "feature/x")
        tip = worktree.commit({"new": b"1"})
        worktree.git("checkout", "--quiet", "main")
        worktree.git("bundle", "create", "-q", str(tmp_path / "b"), "--all")

        with quarantine() as scratch:
            branch = contents.fill_upload(scratch, tmp_path / "b", filename="b")

            assert branch == "main"
            assert scratch.refs("refs/heads/feature/x") == {"refs/heads/feature/x": tip}
            assert "refs/tags/v1" in scratch.refs()
            assert not [ref for ref in scratch.refs() if not ref.startswith(("refs/heads/", "refs/tags/"))]

    def test_refuses_an_incomplete_bundle(self, worktree: Worktree, tmp_path: Path) -> None:
        worktree.commit({"a": b"1"})
        worktree.git("bundle", "create", "-q", str(tmp_path / "b"), "main~1..main")

        with pytest.raises(BadArchive, match="not complete"):
            _import(tmp_path / "b")

    def test_refuses_a_bundle_that_hides_what_it_needs(self, worktree: Worktree, tmp_path: Path) -> None:
        worktree.commit({"a": b"1"})
        pack = worktree.pack(tmp_path / "p", "HEAD", "^HEAD~1").read_bytes()
        (tmp_path / "b").write_bytes(f"# v2 git bundle\n{worktree.head()} refs/heads/main\n\n".encode() + pack)

        with pytest.raises(RejectedObjects):
            _import(tmp_path / "b")
        assert not list(scratch_root().iterdir())

    @pytest.mark.parametrize(
        ("mode", "name", "data"),
        [("40000", b".git", None), ("40000", b"..", None), ("120000", b".gitmodules", b"/etc/x")],
    )
    def test_refuses_dangerous_trees(
        self, worktree: Worktree, tmp_path: Path, mode: str, name: bytes, data: bytes | None
    ) -> None:
        blob = worktree.blob(data or b"x")
        tree = worktree.tree((mode, name, worktree.tree(("100644", b"x", blob)) if data is None else blob))
        worktree.git("update-ref", "refs/heads/bad", worktree.commit_tree(tree))
        worktree.git("bundle", "create", "-q", str(tmp_path / "b"), "--all")

        with pytest.raises(RejectedObjects):
            _import(tmp_path / "b")
        assert not list(scratch_root().iterdir())

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"nonsense\n\n",
            b"@object-format=sha256\n\n",
            b"@filter=blob:none\n\n",
            b"0" * 40 + b" refs/heads/main\n\n",
            b"x" * 5000,
        ],
    )
    def test_refuses_odd_headers(self, tmp_path: Path, header: bytes) -> None:
        (tmp_path / "b").write_bytes(b"# v3 git bundle\n" + header)

        with pytest.raises((BadArchive, RejectedObjects)):
            _import(tmp_path / "b")
        assert not list(scratch_root().iterdir())

    def test_ignores_refs_whose_names_are_options(self, worktree: Worktree, tmp_path: Path) -> None:
        pack = worktree.pack(tmp_path / "p", "HEAD").read_bytes()
        head = worktree.head()
        refs = f"{head} refs/heads/-x\n{head} refs/heads/main\n{head} refs/heads/../../config\n"
        (tmp_path / "b").write_bytes(f"# v2 git bundle\n{refs}\n".encode() + pack)

        with quarantine() as scratch:
            contents.fill_upload(scratch, tmp_path / "b", filename="b")

            assert set(scratch.refs()) == {"refs/heads/main"}
