"""The life of an import from a URL: requested, claimed by a worker, reported on, published or ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import secrets
from accounts.errors import DomainError
from projects import contents, progress, remotes
from projects.errors import BadUrl, GitTooLarge, ImportFinished, ImportHalted, ImportStopped
from projects.models import ImportStatus, Project, ProjectImport, ProjectStatus
from projects.repository import Repository, quarantine, scratch_root
from projects.signals import project_changed
from projects.vault import Vault
from runtime.failpoints import failpoint
from runtime.file_time import file_time

logger = structlog.get_logger(__name__)

PURPOSE = "clone-token"
REPORT_EVERY_S = 0.3
HEARTBEAT_EVERY_S = 1.0
SILENT_AFTER = timedelta(minutes=2)
SCRATCH_KEPT_S = 86400.0
LIVE = (ImportStatus.PENDING, ImportStatus.RUNNING)


def run(import_id: uuid.UUID, *, is_halted: Callable[[], bool] = lambda: False) -> None:
    """Do a whole import; a second run after a crash starts clean.

    Raises: ImportHalted (the server stops; the row stays as it is, for the next run).
    """
    row = _claim(import_id)
    if row is None:
        return
    try:
        _clone(row, is_halted)
    except ImportHalted:
        raise
    except ImportStopped:
        end(row, ImportStatus.CANCELLED, "")
    except DomainError as error:
        logger.info("import_failed", import_id=str(import_id), stderr=_cause(error))
        end(row, ImportStatus.FAILED, error.message)


def cancel(*, row: ProjectImport, now: datetime) -> None:
    """Ask a running import to end, or end a waiting one. Raises: ImportFinished."""
    with transaction.atomic():
        rows = ProjectImport.objects.filter(pk=row.pk)
        if rows.filter(status=ImportStatus.PENDING).update(cancel_requested_at=now):
            end(row, ImportStatus.CANCELLED, "")
        elif not rows.filter(status=ImportStatus.RUNNING).update(cancel_requested_at=now):
            raise ImportFinished


def end(row: ProjectImport, status: ImportStatus, error: str) -> None:
    """The import is over without a vault; the clone token goes. Nothing happens when it is not ours any more."""
    with transaction.atomic():
        rows = ProjectImport.objects.filter(pk=row.pk, attempt=row.attempt, status__in=LIVE)
        if rows.update(status=status, error=error[:2000], secret=None, finished_at=timezone.now()):
            Project.with_deleted.filter(pk=row.project_id).update(status=ProjectStatus.FAILED)
            project_changed.send(sender=Project, organization_id=row.organization_id)


def fail(import_id: uuid.UUID) -> None:
    """After a fault of our own, which the log has."""
    row = ProjectImport.objects.filter(pk=import_id).first()
    if row is not None:
        end(row, ImportStatus.FAILED, "The import failed by a fault of the server.")


def rescue(*, now: datetime) -> int:
    """End imports whose worker has fallen silent, and sweep what crashes have left; how many imports."""
    silent = ProjectImport.objects.filter(status=ImportStatus.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    rows = list(silent)
    for row in rows:
        cancelled = row.cancel_requested_at is not None
        end(
            row,
            ImportStatus.CANCELLED if cancelled else ImportStatus.FAILED,
            "" if cancelled else "The server stopped during the import; delete the project and import it again.",
        )
        _remove_scratch(row.pk)
    before = file_time(scratch_root()) - SCRATCH_KEPT_S
    for path in scratch_root().iterdir():
        with contextlib.suppress(FileNotFoundError):  # whoever made it has just removed it
            if path.stat().st_mtime < before:
                _remove(path)
    return len(rows)


def _claim(import_id: uuid.UUID) -> ProjectImport | None:
    """Take the import over from whoever had it; None when there is nothing to do."""
    rows = ProjectImport.objects.filter(pk=import_id, status__in=LIVE)
    rows.update(
        status=ImportStatus.RUNNING,
        attempt=F("attempt") + 1,
        heartbeat_at=timezone.now(),
        step=gettext_noop("Connecting"),
    )
    row = rows.select_related("project").first()
    if row is None:
        return None
    _remove_scratch(row.pk)
    if row.cancel_requested_at is not None or row.project.deleted_at is not None:
        end(row, ImportStatus.CANCELLED, "")
        return None
    return row


def _clone(row: ProjectImport, is_halted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + settings.CLONE_TIMEOUT_S
    token = _token(row)
    remote = remotes.check_url(row.project.source_url)
    with quarantine(name=f"{row.pk}-{row.attempt}") as scratch:
        reporter = _Reporter(row, scratch.path, is_halted)
        advertised = remotes.probe(remote, token=token, timeout_s=remotes.PROBE_TIMEOUT_S, watch=reporter.watch)
        remotes.fetch(
            scratch,
            remote,
            token=token,
            timeout_s=max(deadline - time.monotonic(), 1.0),
            watch=reporter.watch,
            on_progress=reporter.line,
        )
        reporter.check_size()
        branch = _tidy(scratch, advertised.default_branch)
        _publish(row, scratch, branch, reporter.log)


def _token(row: ProjectImport) -> str:
    if not row.secret:
        return ""
    return secrets.open_sealed(bytes(row.secret), organization_id=row.organization_id, purpose=PURPOSE).decode()


def _tidy(scratch: Repository, advertised: str | None) -> str:
    """Drop branches whose names we do not take, and set HEAD. Returns the default branch."""
    names = [ref.removeprefix("refs/heads/") for ref in scratch.refs("refs/heads/")]
    taken = [name for name in names if contents.is_usable(name)]
    scratch.update_refs({f"refs/heads/{name}": None for name in set(names) - set(taken)})
    if not taken:
        raise BadUrl.field("url", "The repository has no branches.")
    branch = advertised if advertised in taken else contents.choose_default(taken)
    scratch.set_head(branch)
    return branch


def _publish(row: ProjectImport, scratch: Repository, branch: str, log: str) -> None:
    """Vault in place and rows changed, or neither; a crash between the two is mended by the next run."""
    with transaction.atomic():
        project = Project.with_deleted.select_for_update().get(pk=row.project_id)
        rows = ProjectImport.objects.filter(
            pk=row.pk, attempt=row.attempt, status=ImportStatus.RUNNING, cancel_requested_at=None
        )
        done = {"status": ImportStatus.COMPLETED, "step": "Done", "percent": 100, "log": log}
        if project.deleted_at is not None or not rows.update(**done, secret=None, finished_at=timezone.now()):
            raise ImportStopped
        Project.objects.filter(pk=project.pk).update(status=ProjectStatus.READY, default_branch=branch)
        project_changed.send(sender=Project, organization_id=project.organization_id)
        failpoint("import.before_publish")
        scratch.move_to(Vault(project.pk).path)
        failpoint("import.before_commit")


class _Reporter:
    """Writes progress to the row now and then, and says when to stop."""

    def __init__(self, row: ProjectImport, folder: Path, is_halted: Callable[[], bool]) -> None:
        self.row, self.folder, self.is_halted = row, folder, is_halted
        self.log, self.step, self.percent = "", row.step, 0
        self._is_changed = True
        self._written_at = 0.0

    def line(self, text: str) -> None:
        """One line of git's progress."""
        text = progress.clean(text)
        if not text:
            return
        self.log = progress.append(self.log, text)
        found = progress.parse(text)
        if found:
            self.step, self.percent = found[0], max(self.percent, found[1])
        self._is_changed = True

    def watch(self) -> None:
        """Called all the time while git runs. Raises: ImportHalted, ImportStopped, GitTooLarge."""
        if self.is_halted():
            raise ImportHalted
        waited = time.monotonic() - self._written_at
        if waited < (REPORT_EVERY_S if self._is_changed else HEARTBEAT_EVERY_S):
            return
        self.check_size()
        try:
            self._write()
        except (OperationalError, InterfaceError):
            connection.close()  # an outage of the database is no reason to give up a long transfer
        self._written_at, self._is_changed = time.monotonic(), False

    def check_size(self) -> None:
        """Raises: GitTooLarge."""
        if _size(self.folder) > settings.CLONE_MAX_BYTES:
            raise GitTooLarge

    def _write(self) -> None:
        values = {"step": self.step, "percent": self.percent, "log": self.log, "heartbeat_at": timezone.now()}
        ours = ProjectImport.objects.filter(pk=self.row.pk, attempt=self.row.attempt, status=ImportStatus.RUNNING)
        if not ours.filter(cancel_requested_at=None).update(**values):
            raise ImportStopped


def _size(folder: Path) -> int:
    """Bytes of the packs so far; everything arrives as packs."""
    total = 0
    for entry in os.scandir(folder / "objects/pack"):
        try:
            total += entry.stat().st_size
        except FileNotFoundError:  # renamed meanwhile
            continue
    return total


def _remove_scratch(import_id: uuid.UUID) -> None:
    for path in scratch_root().glob(f"{import_id}-*"):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _cause(error: BaseException | None) -> str:
    """Git's own words, wherever they are in the chain of causes."""
    while error is not None:
        if stderr := getattr(error, "stderr", ""):
            return str(stderr)[-2000:]
        error = error.__cause__
    return ""
