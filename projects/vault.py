"""The vault: a project's bare repository on the server's disk, which nobody but the server writes."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Unpack
from urllib.parse import quote

from projects import diffs, git, refs, trees
from projects.errors import BadRef, ProjectNotReady, RejectedObjects
from projects.repository import Repository, Watch, fsck_config, quarantine, rejecting, vault_root
from runtime.failpoints import failpoint

MAX_PACK_BYTES = 2 * 2**30
MAX_BRANCHES = 2000
LAST_SECOND = 253_402_300_799  # of the year 9999; a commit may claim any time
IMPORT_TIMEOUT_S = 120.0
BUNDLE_TIMEOUT_S = 600.0
_BRANCH_FORMAT = "%(objectname)%00%(committerdate:unix)%00%(refname)%00%(contents:subject)"


@dataclass(frozen=True)
class Branch:
    name: str
    commit: str
    subject: str
    committed_at: datetime
    is_default: bool


class Vault:
    """Reads of one project's repository, and the one checked way in."""

    def __init__(self, project_id: uuid.UUID) -> None:
        self.project_id = project_id
        self.path = vault_root() / f"{project_id}.git"
        self.repository = Repository(self.path)

    @property
    def objects_dir(self) -> Path:
        """The only part of a vault that a sandbox may see, and that read-only."""
        return self.path / "objects"

    def exists(self) -> bool:
        return self.path.is_dir()

    def remove(self) -> None:
        """Delete it; a half-deleted vault is no vault, since it is renamed away first."""
        doomed = self.path.with_suffix(".deleted")
        shutil.rmtree(doomed, ignore_errors=True)
        if self.exists():
            self.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def default_branch(self) -> str:
        return self._git("symbolic-ref", "--short", "HEAD").text

    def branches(self) -> list[Branch]:
        """All branches, the default one first, then the newest."""
        arguments = ("--sort=-committerdate", f"--count={MAX_BRANCHES}", f"--format={_BRANCH_FORMAT}", "refs/heads/")
        result = self._git("for-each-ref", *arguments)
        default = self.default_branch()
        found = [_parse_branch(line, default) for line in result.stdout.split(b"\n") if line]
        return sorted((branch for branch in found if branch), key=lambda branch: not branch.is_default)

    def resolve_branch(self, name: str, *, field: str = "base_branch") -> str:
        """The commit at the tip of a branch. Raises: BadRef, for a bad name and for an unknown one."""
        commit = self.read_ref(f"refs/heads/{refs.require_branch(name, field=field)}")
        if commit is None:
            raise BadRef.field(field, "There is no such branch.")
        return commit

    def read_ref(self, ref: str) -> str | None:
        """The object that a full ref names."""
        result = self._git("show-ref", "--verify", "--hash", refs.require_ref(ref), ok=(0, 1, 128))
        return result.text if result.exit_code == 0 else None

    def import_pack(self, pack: Path, *, tip: str, ref: str, watch: Watch = None) -> None:
        """Take a pack from an untrusted place and point `ref` at its commit `tip`.

        The pack is unpacked in a quarantine repository that borrows the vault's objects, every object is checked
        strictly, and the vault then fetches by `file://` with checks of its own. A bundle is not fetched directly
        because git skips the checks there (seen with 2.39). A ref that is there already is not fetched again.
        Args:
            watch: called about every 0.1 s; what it raises ends the import and passes through.
        Raises: RejectedObjects (broken, dangerous or incomplete; the vault is as it was); BadRef.
        """
        refs.require_oid(tip)
        refs.require_ref(ref)
        self._require()
        if self.read_ref(ref) == tip:
            return
        with quarantine(alternates=self.objects_dir) as scratch:
            if pack.stat().st_size:
                scratch.index_pack(pack, max_bytes=MAX_PACK_BYTES, is_strict=True, watch=watch)
            with rejecting():
                if scratch.git("cat-file", "-t", tip).text != "commit":
                    raise RejectedObjects("The snapshot is not a commit.")
                scratch.update_refs({"refs/import/tip": tip})
            failpoint("vault.before_fetch")
            self._fetch(scratch, f"+refs/import/tip:{ref}", watch)

    def _fetch(self, scratch: Repository, refspec: str, watch: Watch) -> None:
        net = git.Net(protocols="file", config=fsck_config("fetch", is_strict=True))
        address = f"file://{quote(str(scratch.path))}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
        with rejecting():
            limits = git.Limits(timeout_s=IMPORT_TIMEOUT_S)
            self._git("fetch", *options, address, refspec, net=net, limits=limits, watch=watch)

    def bundle(self, commit: str, target: Path) -> None:
        """Write everything that `commit` needs as a git bundle whose one ref is `refs/heads/base`."""
        refs.require_oid(commit)
        with target.open("wb") as file:
            file.write(f"# v2 git bundle\n{commit} refs/heads/base\n\n".encode())
            file.flush()
            arguments = ("pack-objects", "--revs", "--stdout", "--delta-base-offset", "--quiet")
            limits = git.Limits(timeout_s=BUNDLE_TIMEOUT_S)
            self._git(*arguments, input=f"{commit}\n".encode(), output=file, limits=limits)

    def diff(self, base: str, head: str) -> diffs.Diff:
        self._require()
        return diffs.read(self.repository, refs.require_oid(base), refs.require_oid(head))

    def files_changed(self, base: str, head: str) -> int:
        self._require()
        return diffs.count_files(self.repository, refs.require_oid(base), refs.require_oid(head))

    def files(self, commit: str) -> trees.Listing:
        """The names of a commit's files and folders; kept, since they never change."""
        self._require()
        refs.require_oid(commit)
        return trees.kept.get(self.project_id, commit, lambda: trees.read(self.repository, commit))

    def changed_names(self, base: str, head: str) -> list[str]:
        """Files that differ and are there in `head`."""
        self._require()
        return trees.changed(self.repository, refs.require_oid(base), refs.require_oid(head))

    def _require(self) -> None:
        if not self.exists():
            raise ProjectNotReady

    def _git(self, *arguments: str, **options: Unpack[git.Options]) -> git.Result:
        self._require()
        return self.repository.git(*arguments, **options)


def _parse_branch(line: bytes, default: str) -> Branch | None:
    commit, committed_at, ref, subject = line.decode(errors="replace").split("\0", 3)
    name = ref.removeprefix("refs/heads/")
    if not refs.is_branch(name) or "\ufffd" in name:
        return None
    moment = datetime.fromtimestamp(min(int(committed_at or 0), LAST_SECOND), UTC)
    return Branch(name, commit, subject[:500], moment, name == default)
