"""The rules of ARCHITECTURE.md that a program can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from accounts.tenancy import AliveManager, TenantModel

ROOT = Path(__file__).resolve().parents[1]
APPS = ["accounts", "config", "environments", "gateway", "pages", "projects", "sessions"]
PACKAGES = [*APPS, "sandbox", "guest", "runtime"]

# Rows that belong to a person or to the deployment rather than to an organisation.
GLOBAL_MODELS = {
    "accounts.User",
    "accounts.Preferences",
    "accounts.Organization",
    "config.ErrorReport",
    "environments.Deployment",
}

# Parts of a tenant-owned row that belong to an organisation through it, and are never asked for alone.
PARTS = {"agent_sessions.Event": "session", "agent_sessions.ArchivedEvents": "session"}

# What a module inside an app may be called. A new name is added here on purpose: think first where the code belongs.
ROLES = {
    "admin",
    "api",
    "apps",
    "consumers",
    "errors",
    "models",
    "queries",
    "routing",
    "schemas",
    "services",
    "signals",
}
ROLES |= {"receivers", "stream", "tasks", "urls", "views"}
MODULES = {
    "accounts": {
        "adapters",
        "auth",
        "browsers",
        "context",
        "credentials",
        "forms",
        "middleware",
        "names",
        "pages",
        "pagination",
        "password_forms",
        "preferences",
        "secrets",
    }
    | {"client_keys", "handover", "tenancy", "tokens", "wording"},
    "config": {
        "asgi",
        "checks",
        "cache",
        "bodies",
        "daphne",
        "doctor",
        "env",
        "copies",
        "findings",
        "localization",
        "management",
        "middleware",
        "waking",
    }
    | {"observability", "outages", "parser", "places", "postgres", "serving", "settings", "sockets", "worker"},
    "environments": {
        "images",
        "isolation",
        "checking",
        "configs",
        "host_keys",
        "credentials",
        "deployment",
        "health",
        "probes",
        "secrets",
        "specs",
    }
    | {"uses"},
    "gateway": {
        "asgi",
        "calls",
        "catalog",
        "keys",
        "ledger",
        "metering",
        "practice",
        "refusals",
        "sockets",
        "upstream",
    },
    "pages": {
        "context",
        "design",
        "environment_cards",
        "environment_fields",
        "environment_form",
        "environments",
        "frame",
        "project",
        "settings",
        "templatetags",
    },
    "projects": {
        "archives",
        "contents",
        "diffs",
        "finding",
        "git",
        "imports",
        "progress",
        "refs",
        "remotes",
        "repository",
        "sample",
    }
    | {"leftovers", "trees", "vault"},
    "sessions": {"actions", "admission", "claude", "dispatch", "engine", "events", "live", "log", "message_api"}
    | {"protocol", "rule_api", "storable", "tree", "tree_api", "upkeep"}
    | {"prompt_api", "work_api", "work_schemas"},
}


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts and "sample" not in path.parts]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestImports:
    def test_keep_to_the_contracts(self) -> None:
        program = Path(sys.executable).with_name("lint-imports")
        done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize("path", sources("guest"), ids=relative)
    def test_the_guest_needs_the_standard_library_only(self, path: Path) -> None:
        tree = ast.parse(path.read_text(), feature_version=(3, 8))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
        tops = {name.partition(".")[0] for name in names}
        assert tops <= set(sys.stdlib_module_names) | {"guest"}

    def test_nobody_imports_the_guest(self) -> None:
        importers = [
            relative(path)
            for path in sources(*APPS, "sandbox")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "guest"
        ]
        assert importers == []


class TestTree:
    @pytest.mark.parametrize("app", APPS)
    def test_an_app_has_only_modules_with_known_names(self, app: str) -> None:
        names = {path.stem for path in (ROOT / app).iterdir() if not path.name.startswith(("_", "."))}
        assert names <= ROLES | MODULES[app] | {"migrations"}

    @pytest.mark.parametrize("path", sources(*PACKAGES), ids=relative)
    def test_a_module_says_what_it_is_for(self, path: Path) -> None:
        text = path.read_text()
        assert not text.strip() or ast.get_docstring(ast.parse(text))

    @pytest.mark.parametrize("path", sources(*PACKAGES), ids=relative)
    def test_a_module_stays_readable(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= 400


class TestModels:
    def own_models(self) -> list[type[models.Model]]:
        return [model for model in apps.get_models() if model.__module__.partition(".")[0] in APPS]

    def test_each_belongs_to_an_organisation_or_is_known_to_be_global(self) -> None:
        strays = {model._meta.label for model in self.own_models() if not issubclass(model, TenantModel)}
        assert strays == GLOBAL_MODELS | set(PARTS)

    def test_deleted_rows_are_in_no_query_that_does_not_ask_for_them(self) -> None:
        hiding = [model for model in self.own_models() if hasattr(model, "deleted_at")]
        assert {model._meta.label for model in hiding} == {
            "environments.Environment",
            "projects.Project",
            "agent_sessions.AgentSession",
        }
        assert all(isinstance(model._default_manager, AliveManager) for model in hiding)

    @pytest.mark.parametrize(("label", "whole"), PARTS.items())
    def test_a_part_has_a_tenant_owned_whole(self, label: str, whole: str) -> None:
        field = apps.get_model(label)._meta.get_field(whole)
        assert not apps.get_model(label)._meta.get_field("organization").null
        assert isinstance(field, models.ForeignKey)
        assert not field.null
        assert issubclass(field.related_model, TenantModel)

    def test_migrations_are_complete(self, db: None) -> None:
        said = StringIO()
        try:
            call_command("makemigrations", check=True, dry_run=True, stdout=said)
        except SystemExit:
            pytest.fail(said.getvalue())

    def test_no_migration_needs_an_extension(self) -> None:
        for path in ROOT.glob("*/migrations/*.py"):
            assert "Extension" not in path.read_text(), path


class TestRecords:
    def test_nothing_names_the_machine_it_was_made_on(self) -> None:
        listing = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        texts = [ROOT / name for name in listing if not name.endswith((".png", ".ico", ".bundle", ".gz", ".zip"))]
        needles = ["/work/" + folder for folder in ("main", "shared")]
        texts = [path for path in texts if path.exists() and path != Path(__file__)]
        assert [relative(path) for path in texts if any(n in path.read_text(errors="replace") for n in needles)] == []
