"""Projects made, changed and deleted: all of it, or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from accounts import secrets
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import Organization, User
from accounts.tenancy import Actor, fetch
from environments.models import Environment
from projects import imports, services
from projects.errors import BadArchive, BadUrl, NotARepository, ProjectNotReady
from projects.models import ImportStatus, Project, ProjectImport, ProjectStatus
from projects.repository import scratch_root, vault_root
from projects.signals import project_deleted
from projects.vault import Vault
from tests.projects.building import Worktree
from tests.projects.serving import GitServer

BAD_NAMES = ["", "   ", "x" * 101, "x" * 10_000, "a\0b", "a\nb", "a\x1bb", "\ud800", "a\u202eb", "a\u2028b"]


def _create(actor: Actor, organization: Organization, **values: Any) -> Project:
    given: dict[str, Any] = {"name": "thing", "source": "EMPTY", "now": timezone.now()} | values
    return services.create_project(actor=actor, organization_id=organization.id, **given)


@contextmanager
def _nothing_changed() -> Iterator[None]:
    def state() -> tuple[int, int, int, set[str]]:
        files = {str(path) for path in vault_root().rglob("*")} - {str(scratch_root())}
        return Project.objects.count(), ProjectImport.objects.count(), ProcrastinateJob.objects.count(), files

    before = state()
    yield
    assert state() == before


class TestCreateProject:
    def test_makes_an_empty_one_with_a_first_commit(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization, name="  My thing ")

        vault = Vault(project.pk)
        assert (project.name, project.status, project.default_branch) == ("My thing", ProjectStatus.READY, "main")
        assert [branch.name for branch in vault.branches()] == ["main"]
        assert vault.repository.git("show", "main:README.md").text == "# My thing"
        assert vault.repository.git("log", "-1", "--format=%cn %ce", "main").text == "Slipway slipway@localhost"
        assert not list(scratch_root().iterdir())

    def test_makes_the_sample_with_a_failing_test(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization, source="SAMPLE")

        files = Vault(project.pk).repository.git("ls-tree", "--name-only", "main").text.split()
        assert files == ["README.md", "test_wordcount.py", "wordcount.py"]

    @pytest.mark.parametrize(
        "name", ["..", ".git", "con", "-x", "a/b", "$(touch x)", "日本", "👩‍💻", "a'\"`;b", "--upload-pack=x"]
    )
    def test_keeps_odd_names_out_of_paths(self, alice_actor: Actor, organization: Organization, name: str) -> None:
        project = _create(alice_actor, organization, name=name)

        assert project.name == name
        assert {path.name for path in vault_root().iterdir()} == {".incoming", f"{project.pk}.git"}

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_refuses_bad_names(self, alice_actor: Actor, organization: Organization, name: str) -> None:
        with _nothing_changed(), pytest.raises(Invalid) as caught:
            _create(alice_actor, organization, name=name)

        assert caught.value.details[0]["field"] == "name"

    def test_refuses_an_unknown_source(self, alice_actor: Actor, organization: Organization) -> None:
        for source in ("UPLOAD", "empty", "", "\0"):
            with _nothing_changed(), pytest.raises(Invalid):
                _create(alice_actor, organization, source=source)

    def test_refuses_viewers_and_strangers(
        self, vera: User, charlie: User, actor: Callable[[User], Actor], organization: Organization
    ) -> None:
        with _nothing_changed(), pytest.raises(Forbidden):
            _create(actor(vera), organization)
        with _nothing_changed(), pytest.raises(NotFound):
            _create(actor(charlie), organization)

    def test_defers_an_import_and_seals_the_token(
        self, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        project = _create(alice_actor, organization, source="URL", url=server.url("repo.git"), token="ghp_canary")

        row = ProjectImport.objects.get(project=project)
        job = ProcrastinateJob.objects.get(task_name="projects.import_url")
        assert (project.status, row.status) == (ProjectStatus.IMPORTING, ImportStatus.PENDING)
        assert job.args == {"import_id": str(row.pk)}
        opened = secrets.open_sealed(bytes(row.secret or b""), organization_id=organization.id, purpose=imports.PURPOSE)
        assert opened == b"ghp_canary"

    @pytest.mark.parametrize(
        "url", ["ext::sh -c date", "https://127.0.0.1/x", "https://u:p@example.com/x", "file:///etc", ""]
    )
    def test_refuses_bad_urls(self, alice_actor: Actor, organization: Organization, url: str) -> None:
        with _nothing_changed(), pytest.raises(BadUrl):
            _create(alice_actor, organization, source="URL", url=url)

    def test_refuses_what_is_no_repository(
        self, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        with _nothing_changed(), pytest.raises(NotARepository, match="Not a Git repository"):
            _create(alice_actor, organization, source="URL", url=server.url("nothing"))

    @pytest.mark.parametrize("token", ["a\nb", "a b", "ü", "x" * 1001, "a\0"])
    def test_refuses_bad_tokens(
        self, alice_actor: Actor, organization: Organization, server: GitServer, token: str
    ) -> None:
        with _nothing_changed(), pytest.raises(BadUrl) as caught:
            _create(alice_actor, organization, source="URL", url=server.url("repo.git"), token=token)

        assert caught.value.details[0]["field"] == "token"


class TestCreateFromUpload:
    def _upload(self, actor: Actor, organization: Organization, data: bytes, **values: Any) -> Project:
        given: dict[str, Any] = {
            "name": "up",
            "filename": "x.zip",
            "size_bytes": len(data),
            "chunks": [data],
            "now": timezone.now(),
        }
        return services.create_from_upload(actor=actor, organization_id=organization.id, **(given | values))

    def test_makes_a_project_of_a_bundle(
        self, alice_actor: Actor, organization: Organization, worktree: Worktree
    ) -> None:
        worktree.git("bundle", "create", "-q", "x.bundle", "--all")
        data = (worktree.path / "x.bundle").read_bytes()

        project = self._upload(alice_actor, organization, data, name="", filename="my tool.bundle")

        assert (project.name, project.status) == ("my tool", ProjectStatus.READY)
        assert Vault(project.pk).resolve_branch("main") == worktree.head()
        assert not list(scratch_root().iterdir())

    def test_refuses_a_file_past_the_cap(
        self, alice_actor: Actor, organization: Organization, settings: Settings
    ) -> None:
        settings.UPLOAD_MAX_BYTES = 10

        with _nothing_changed(), pytest.raises(BadArchive):
            self._upload(alice_actor, organization, b"x" * 11)

    def test_keeps_nothing_of_a_bad_archive(self, alice_actor: Actor, organization: Organization) -> None:
        for data in (b"", b"PK", b"# v2 git bundle\n\nPACK"):
            with _nothing_changed(), pytest.raises(Invalid):
                self._upload(alice_actor, organization, data)


class TestUpdateProject:
    def _update(self, actor: Actor, project: Project, **values: Any) -> Project:
        return services.update_project(actor=actor, id=project.pk, fields=values, **values)

    def test_changes_what_is_given(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization)
        environment = Environment.objects.filter(organization=organization).first()
        Vault(project.pk).repository.update_refs({"refs/heads/dev": Vault(project.pk).resolve_branch("main")})

        self._update(
            alice_actor,
            project,
            name="other",
            default_branch="dev",
            default_model="sonnet",
            default_environment_id=environment.pk if environment else None,
        )

        project.refresh_from_db()
        assert (project.name, project.default_branch, project.default_model) == ("other", "dev", "sonnet")
        assert project.default_environment == environment
        assert Vault(project.pk).default_branch() == "dev"

    def test_writes_only_what_is_given_so_that_nobody_elses_change_is_undone(
        self, alice_actor: Actor, organization: Organization
    ) -> None:
        project = _create(alice_actor, organization)

        with CaptureQueriesContext(connection) as seen:
            self._update(alice_actor, project, default_model="sonnet")
            self._update(alice_actor, project)

        written = [query["sql"] for query in seen.captured_queries if query["sql"].startswith("UPDATE")]
        assert len(written) == 1
        assert '"name"' not in written[0]

    def test_leaves_the_rest_alone_and_can_clear(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization)
        self._update(alice_actor, project, default_model="sonnet")

        self._update(alice_actor, project, default_model="")

        project.refresh_from_db()
        assert (project.name, project.default_model) == ("thing", "")

    @pytest.mark.parametrize(
        "values",
        [
            {"name": ""},
            {"name": None},
            {"default_branch": "--upload-pack=x"},
            {"default_branch": "nope"},
            {"default_branch": None},
            {"default_model": "gpt-\0"},
            {"default_model": "unknown"},
        ],
    )
    def test_refuses_bad_values(self, alice_actor: Actor, organization: Organization, values: dict[str, Any]) -> None:
        project = _create(alice_actor, organization)

        with pytest.raises(Invalid):
            self._update(alice_actor, project, **{"name": "changed", **values})

        project.refresh_from_db()
        assert project.name == "thing"

    def test_refuses_a_foreign_environment_as_if_there_were_none(
        self, alice_actor: Actor, organization: Organization, charlie: User
    ) -> None:
        project = _create(alice_actor, organization)
        foreign = Environment.objects.create(organization=charlie.organizations.get(), name="theirs", kind="HOST")

        for id in (foreign.pk, uuid.uuid4()):
            with pytest.raises(NotFound):
                self._update(alice_actor, project, default_environment_id=id)

    def test_knows_no_branches_before_the_import(
        self, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        project = _create(alice_actor, organization, source="URL", url=server.url("repo.git"))

        with pytest.raises(ProjectNotReady):
            self._update(alice_actor, project, default_branch="main")


class TestDeleteProject:
    def test_hides_it_at_once_and_removes_the_vault_later(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization)
        told: list[Project] = []

        def listen(project: Project, **_: Any) -> None:
            told.append(project)

        project_deleted.connect(listen)
        try:
            services.delete_project(actor=alice_actor, id=project.pk, now=timezone.now())
        finally:
            project_deleted.disconnect(listen)

        assert told == [project]
        assert not Project.objects.visible_to(alice_actor).exists()
        assert Project.with_deleted.get() == project
        with pytest.raises(NotFound):
            fetch(Project, alice_actor, project.pk)
        assert ProcrastinateJob.objects.filter(task_name="projects.remove_vault").count() == 1
        assert Vault(project.pk).exists()
        services.remove_vault(project.pk)
        assert not Vault(project.pk).path.exists()
        with pytest.raises(NotFound):
            services.delete_project(actor=alice_actor, id=project.pk, now=timezone.now())

    def test_never_removes_the_vault_of_a_living_project(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization)

        services.remove_vault(project.pk)
        services.remove_vault(uuid.uuid4())

        assert Vault(project.pk).branches()

    def test_cancels_its_import(self, alice_actor: Actor, organization: Organization, server: GitServer) -> None:
        project = _create(alice_actor, organization, source="URL", url=server.url("repo.git"), token="x")

        services.delete_project(actor=alice_actor, id=project.pk, now=timezone.now())

        row = ProjectImport.objects.get(project=project)
        assert (row.status, row.secret) == (ImportStatus.CANCELLED, None)


class TestCancelImport:
    def test_raises_conflict_without_an_import(self, alice_actor: Actor, organization: Organization) -> None:
        project = _create(alice_actor, organization)

        with pytest.raises(Conflict):
            services.cancel_import(actor=alice_actor, id=project.pk, now=timezone.now())
