"""`manage.py serve`: the web server, the job worker and the model gateway in one process."""

from __future__ import annotations

from config import serving  # isort: skip  # first: it installs the reactor that daphne needs

import fcntl
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from config import postgres
from config.env import BASE_DIR, env
from config.observability import metrics, telemetry
from environments import isolation
from gateway import sockets

logger = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Serve the web application, the job worker and the model gateway until SIGTERM or SIGINT."
    requires_system_checks = ["models", "urls", "slipway"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-worker", action="store_true", help="do not run jobs here (scaled deployments)")
        parser.add_argument("--no-web", action="store_true", help="run jobs only (scaled deployments)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["no_worker"] and options["no_web"]:
            raise CommandError("--no-web together with --no-worker leaves nothing to do")
        # Static files are read synchronously, which is right for what is small and local.
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
        self._migrate()
        if not options["no_worker"]:
            self._settle_deployment()
        self._collect_static()
        plan = self._plan(has_web=not options["no_web"], has_worker=not options["no_worker"])
        try:
            with telemetry.running(_role(has_web=plan.web is not None, has_worker=plan.has_worker)):
                code = serving.run(plan)
        except (serving.CannotServe, telemetry.TelemetryUnavailable) as error:
            raise CommandError(str(error)) from error
        if code:
            raise SystemExit(code)

    def _plan(self, *, has_web: bool, has_worker: bool) -> serving.Plan:
        from config import asgi  # builds the application, for which the database must be migrated
        from gateway import asgi as gateway_asgi
        from gateway import upstream

        return serving.Plan(
            listen=env.listen,
            web=asgi.application if has_web else None,
            gateway=gateway_asgi.application,
            gateway_socket=sockets.socket_path(),
            ssh_agent=isolation.lent_agent(),
            watch=metrics.application,
            watch_listen=env.metrics_listen,
            has_worker=has_worker,
            announce=self._announce,
            at_end=upstream.close,
            revive_database=None if env.database_url else partial(postgres.revive, postgres.place(env.data_dir)),
        )

    def _announce(self, where: str) -> None:
        line = f"Slipway is ready: {settings.BASE_URL} (listening on {where})" if where else "Slipway worker is ready"
        self.stdout.write(line)
        self.stdout.flush()

    def _migrate(self) -> None:
        """Bring the embedded database up to date; another one is its operator's to migrate."""
        executor = MigrationExecutor(connection)
        is_behind = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        connection.close()
        unknown = _unknown_migrations(executor.loader)
        if unknown:
            logger.warning("database_is_newer", migrations=unknown, hint="Upgrade this server too, or go on for now.")
        if not is_behind:
            return
        if env.database_url:
            raise CommandError("the database is not migrated; run: python manage.py migrate")
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()

    def _settle_deployment(self) -> None:
        """Before anything is done with sandboxes, which another server may have, too."""
        from environments import services as environments

        if environments.settle_deployment(now=timezone.now()):
            self.stderr.write(
                "This database was copied from another server: sessions go on from their last checkpoints, and what "
                "the other server runs is left alone. `python manage.py doctor` tells more."
            )
        connection.close()

    def _collect_static(self) -> None:
        """Collect when something is newer than what was collected: after an upgrade pages would miss their files."""
        if settings.DEBUG:
            return
        with _alone_in(settings.STATIC_ROOT.parent):  # several servers may start at once, each with its own data
            if not _is_newer_than(manifest := settings.STATIC_ROOT / "staticfiles.json"):
                return
            try:
                call_command("collectstatic", verbosity=0, interactive=False)
            except OSError as error:  # installed where the server may not write
                if not manifest.exists():
                    raise CommandError(f"static files cannot be collected: {error}") from error
                self.stderr.write("Static files may be old; run: python manage.py collectstatic --noinput")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; nothing is written, since the folder may not be ours."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _role(*, has_web: bool, has_worker: bool) -> str:
    return "all" if has_web and has_worker else "web" if has_web else "worker"


def _unknown_migrations(loader: MigrationLoader) -> list[str]:
    """Of our own apps, applied by a newer version: an upgrade is under way, or was taken back."""
    ours = {app.label for app in apps.get_app_configs() if Path(app.path).parent == BASE_DIR}
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations)
    return sorted(f"{label}.{name}" for label, name in unknown if label in ours)


def _is_newer_than(manifest: Path) -> bool:
    """Whether one of our own files, or the list of packages that bring theirs, is newer than the manifest."""
    if not manifest.exists():
        return True
    folders = [Path(folder) for folder in settings.STATICFILES_DIRS]
    sources = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    collected_at = manifest.stat().st_mtime
    return any(path.stat().st_mtime > collected_at for path in [*sources, BASE_DIR / "requirements" / "base.txt"])
