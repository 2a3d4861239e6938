"""The vault: reads, the checked import, and hostile packs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from projects import leftovers
from projects.errors import BadRef, GitFailed, ImportHalted, ProjectNotReady, RejectedObjects
from projects.repository import Repository, quarantine, scratch_root
from projects.vault import Vault
from tests.projects.building import Worktree

REF = "refs/sessions/0192/1"


def _clone_objects(worktree: Worktree, vault: Vault) -> str:
    """Let the work tree continue the vault's main branch, as a session's clone does."""
    (worktree.path / ".git/objects/info/alternates").write_text(f"{vault.objects_dir}\n")
    worktree.git("reset", "--quiet", "--hard", vault.resolve_branch("main"))
    return worktree.head()


def _state(vault: Vault) -> dict[str, str]:
    return vault.repository.refs()


class TestReads:
    def test_lists_branches_default_first(self, vault: Vault) -> None:
        commit = vault.resolve_branch("main")
        vault.repository.update_refs({"refs/heads/zeta": commit, "refs/heads/alpha": commit})

        branches = vault.branches()

        assert branches[0].name == "main"
        assert branches[0].is_default
        assert branches[0].subject == "Start"
        assert {branch.name for branch in branches} == {"main", "zeta", "alpha"}

    def test_shows_no_branch_whose_name_is_an_option(self, vault: Vault) -> None:
        folder = vault.path / "refs/heads"
        (folder / "-x").write_text(vault.resolve_branch("main") + "\n")

        assert [branch.name for branch in vault.branches()] == ["main"]

    @pytest.mark.parametrize("name", ["nope", "--upload-pack=x", "main^{tree}", "HEAD", "main\0"])
    def test_raises_bad_ref_for_an_unknown_branch(self, vault: Vault, name: str) -> None:
        with pytest.raises(BadRef):
            vault.resolve_branch(name)

    def test_reads_no_ref_as_none(self, vault: Vault) -> None:
        assert vault.read_ref("refs/sessions/none") is None

    def test_says_so_when_there_is_no_vault(self) -> None:
        with pytest.raises(ProjectNotReady):
            Vault(uuid.uuid4()).branches()

    def test_makes_a_bundle_that_git_can_clone(self, vault: Vault, tmp_path: Path) -> None:
        commit = vault.resolve_branch("main")

        vault.bundle(commit, tmp_path / "x.bundle")

        subprocess.run(["git", "clone", "-q", "-b", "base", tmp_path / "x.bundle", tmp_path / "out"], check=True)
        assert (tmp_path / "out/README.md").read_text() == "hello\n"


class TestImportPack:
    def test_takes_what_a_session_made(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        base = _clone_objects(worktree, vault)
        tip = worktree.commit({"new.py": b"print(1)\n", "deep/er/x": b"y"})
        pack = worktree.pack(tmp_path / "pack", tip, f"^{base}")

        vault.import_pack(pack, tip=tip, ref=REF)

        assert vault.read_ref(REF) == tip
        assert not list(scratch_root().iterdir())
        Repository(vault.path).check(is_strict=True)

    def test_takes_a_snapshot_without_anything_new(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        base = _clone_objects(worktree, vault)
        pack = worktree.pack(tmp_path / "pack", base, f"^{base}")

        vault.import_pack(pack, tip=base, ref=REF)

        assert vault.read_ref(REF) == base

    def test_moves_a_ref_that_is_there_already(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        base = _clone_objects(worktree, vault)
        for name in ("one", "two"):
            worktree.git("checkout", "--quiet", "-B", name, base)
            tip = worktree.commit({name: b"x"})
            vault.import_pack(worktree.pack(tmp_path / name, tip, f"^{base}"), tip=tip, ref=REF)

        assert vault.read_ref(REF) == tip

    def test_raises_bad_ref_for_names_that_are_none(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        pack = worktree.pack(tmp_path / "pack", "HEAD")

        with pytest.raises(BadRef):
            vault.import_pack(pack, tip="HEAD", ref=REF)
        with pytest.raises(BadRef):
            vault.import_pack(pack, tip=worktree.head(), ref="--upload-pack=x")


class TestImportPackAndDeath:
    def big(self, worktree: Worktree, folder: Path) -> tuple[Path, str]:
        """A pack that git needs a while for, and its tip."""
        for number in range(4):
            worktree.commit({f"{number}.bin": os.urandom(3 * 2**20) for number in range(number, number + 4)})
        return worktree.pack(folder / "big.pack", "HEAD"), worktree.head()

    def test_the_same_again_does_nothing(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        pack, tip = worktree.pack(tmp_path / "p", "HEAD"), worktree.head()
        vault.import_pack(pack, tip=tip, ref=REF)
        before = sorted((vault.objects_dir / "pack").iterdir())
        pack.write_bytes(b"not even looked at")

        vault.import_pack(pack, tip=tip, ref=REF)

        assert sorted((vault.objects_dir / "pack").iterdir()) == before
        assert vault.read_ref(REF) == tip

    def test_ends_when_it_is_told_to_and_leaves_the_vault_as_it_was(
        self, vault: Vault, worktree: Worktree, tmp_path: Path
    ) -> None:
        pack, tip = self.big(worktree, tmp_path)
        before = _state(vault)

        def watch() -> None:
            raise ImportHalted

        with pytest.raises(ImportHalted):
            vault.import_pack(pack, tip=tip, ref=REF, watch=watch)

        assert (_state(vault), list(scratch_root().iterdir())) == (before, [])
        vault.import_pack(pack, tip=tip, ref=REF)
        assert vault.read_ref(REF) == tip

    def test_git_killed_at_any_moment_leaves_a_sound_vault_that_takes_it_the_next_time(
        self, vault: Vault, worktree: Worktree, tmp_path: Path
    ) -> None:
        pack, tip = self.big(worktree, tmp_path)
        killed = 0
        for attempt in range(5):
            ref = f"refs/sessions/0192/{attempt}"
            doomed = threading.Timer(0.02 + attempt * 0.08, kill_git, [str(vault.path.parent)])
            doomed.start()
            try:
                vault.import_pack(pack, tip=tip, ref=ref)
            except (RejectedObjects, GitFailed):  # whichever git it was
                killed += 1
            doomed.join()
            vault.repository.check(is_strict=True)
            for lock in vault.path.rglob("*.lock"):
                os.utime(lock, (0, 0))
            leftovers.sweep()
            vault.import_pack(pack, tip=tip, ref=ref)
            assert vault.read_ref(ref) == tip
        assert killed


def kill_git(below: str) -> None:
    """KILL every git that works below a folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if Path(command.split("\0")[0]).name == "git" and below in command:
                    os.kill(int(entry.name), signal.SIGKILL)


class TestHostilePack:
    @pytest.mark.parametrize(
        ("mode", "name", "data"),
        [
            ("40000", b".git", None),
            ("40000", b".GIT", None),
            ("40000", b"git~1", None),
            ("40000", ".g\u200cit".encode(), None),
            ("40000", b"..", None),
            ("40000", b".", None),
            ("100644", b"a/b", b"x"),
            ("100644", b"", b"x"),
            ("120000", b".gitmodules", b"/etc/passwd"),
            ("100644", b".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'),
            ("100644", b".gitmodules", b'[submodule "../../x"]\n\tpath = x\n\turl = https://x/x\n'),
            ("100644", b".gitmodules", b'[submodule "x"]\n\tpath = -x\n\turl = https://x/x\n'),
        ],
    )
    def test_refuses_a_dangerous_tree_without_residue(
        self, vault: Vault, worktree: Worktree, tmp_path: Path, mode: str, name: bytes, data: bytes | None
    ) -> None:
        blob = worktree.blob(data or b"x")
        inner = worktree.tree(("100644", b"config", blob)) if data is None else blob
        tree = worktree.tree((mode, name, inner))
        tip = worktree.commit_tree(tree, _clone_objects(worktree, vault))
        pack = worktree.pack_objects(tmp_path / "pack", blob, inner, tree, tip)
        before = _state(vault)

        with pytest.raises(RejectedObjects):
            vault.import_pack(pack, tip=tip, ref=REF)

        assert _state(vault) == before
        assert vault.repository.git("cat-file", "-e", tip, ok=(0, 1, 128)).exit_code != 0
        assert not list(scratch_root().iterdir())

    def test_refuses_a_tip_whose_parent_is_missing(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        worktree.commit({"a": b"1"})
        tip = worktree.commit({"a": b"2"})
        pack = worktree.pack(tmp_path / "pack", tip, f"^{tip}~1")

        with pytest.raises(RejectedObjects):
            vault.import_pack(pack, tip=tip, ref=REF)

        assert vault.read_ref(REF) is None

    def test_refuses_a_tip_whose_blob_is_missing(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        tree = worktree.tree(("100644", b"lost", "1" * 40))
        tip = worktree.commit_tree(tree)
        pack = worktree.pack_objects(tmp_path / "pack", tip, tree)

        with pytest.raises(RejectedObjects):
            vault.import_pack(pack, tip=tip, ref=REF)

    def test_refuses_a_tip_that_is_not_in_the_pack(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        pack = worktree.pack(tmp_path / "pack", "HEAD")

        with pytest.raises(RejectedObjects):
            vault.import_pack(pack, tip="1" * 40, ref=REF)

    def test_refuses_a_tip_that_is_not_a_commit(self, vault: Vault, worktree: Worktree, tmp_path: Path) -> None:
        pack = worktree.pack(tmp_path / "pack", "HEAD")

        with pytest.raises(RejectedObjects):
            vault.import_pack(pack, tip=worktree.text("rev-parse", "HEAD^{tree}"), ref=REF)

    @pytest.mark.parametrize("data", [b"PACK", b"\0" * 1000, b"PACK\0\0\0\2\xff\xff\xff\xff" + b"x" * 50])
    def test_refuses_bytes_that_are_no_pack(
        self, vault: Vault, worktree: Worktree, tmp_path: Path, data: bytes
    ) -> None:
        (tmp_path / "pack").write_bytes(data)

        with pytest.raises(RejectedObjects):
            vault.import_pack(tmp_path / "pack", tip=worktree.head(), ref=REF)

        assert not list(scratch_root().iterdir())

    def test_refuses_a_pack_past_the_cap(
        self, vault: Vault, worktree: Worktree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("projects.vault.MAX_PACK_BYTES", 100)
        pack = worktree.pack(tmp_path / "pack", worktree.commit({"big": bytes(range(256)) * 10}))

        with pytest.raises(RejectedObjects):
            vault.import_pack(pack, tip=worktree.head(), ref=REF)


class TestQuarantine:
    def test_is_removed_when_the_work_in_it_fails(self) -> None:
        with pytest.raises(KeyError), quarantine():
            raise KeyError

        assert not list(scratch_root().iterdir())
