"""New sessions: names, branches, defaults, and requests that are repeated."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.auth import actor_for
from accounts.errors import DomainError, Forbidden, Invalid, NotFound, Unprocessable
from accounts.models import Organization, User
from environments.models import Environment
from projects.models import Project, ProjectStatus
from projects.refs import is_branch
from projects.vault import Vault
from sessions import services
from sessions.errors import MessageIdTaken, NameTaken, ProjectNotReady
from sessions.models import AgentSession, Event, Job, Message
from sessions.services import NewSessions, naming
from tests.sessions.rows import make_vault_project


@pytest.fixture
def project(alice: User, organization: Organization) -> Project:
    return make_vault_project(alice, organization)


def create(user: User, project: Project, **fields: Any) -> list[AgentSession]:
    new = NewSessions(**{"name": "feature"} | fields)
    return services.create_sessions(actor=actor_for(user), project=project, new=new, now=timezone.now())


class TestCreateSessions:
    def test_takes_what_is_left_out_from_the_project(self, bob: User, project: Project) -> None:
        (session,) = create(bob, project)

        assert (session.name, session.branch, session.base_branch) == ("feature", "slipway/feature", "main")
        assert session.base_commit == Vault(project.pk).resolve_branch("main")
        assert (session.model, session.permission_mode, session.status) == ("sonnet", "default", "WAITING_INPUT")
        assert session.environment.is_default  # type: ignore[union-attr]
        assert session.is_practice
        assert not Job.objects.exists()

    def test_numbers_several_and_queues_each_prompt(
        self, bob: User, project: Project, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            sessions = create(bob, project, count=3, prompt="build it")

        assert [session.name for session in sessions] == ["feature-1", "feature-2", "feature-3"]
        assert len({session.branch for session in sessions}) == 3
        assert {session.status for session in sessions} == {"INITIALIZING"}
        deferred = ProcrastinateJob.objects.filter(task_name="sessions.run_turn")
        assert sorted(job.lock for job in deferred) == sorted(f"session:{session.pk}" for session in sessions)
        assert {job.args["job_id"] for job in deferred} == {str(job.pk) for job in Job.objects.all()}
        kinds = Event.objects.filter(session=sessions[0]).order_by("seq").values_list("kind", flat=True)
        assert list(kinds) == ["message.user", "job.status"]

    def test_gives_the_same_sessions_when_repeated(self, bob: User, project: Project) -> None:
        id = uuid.uuid4()

        first = create(bob, project, count=2, prompt="go", key=id)
        second = create(bob, project, count=2, prompt="go", key=id)

        assert [s.pk for s in first] == [s.pk for s in second]
        assert Message.objects.count() == 2

    def test_can_be_repeated_without_a_prompt_too(self, bob: User, project: Project) -> None:
        id = uuid.uuid4()

        first, second = (create(bob, project, count=2, key=id) for _ in range(2))

        assert [s.pk for s in first] == [s.pk for s in second]
        assert AgentSession.objects.count() == 2

    def test_can_be_repeated_when_the_prompt_was_edited_while_it_waited(self, bob: User, project: Project) -> None:
        id = uuid.uuid4()
        (made,) = create(bob, project, prompt="go", key=id)
        services.edit_message(session=made, message_id=id, text="go on", by=bob, now=timezone.now())

        assert create(bob, project, prompt="go", key=id) == [made]

    def test_refuses_a_key_of_another_project(
        self, bob: User, alice: User, organization: Organization, project: Project
    ) -> None:
        id = uuid.uuid4()
        create(bob, project, key=id)

        with pytest.raises(MessageIdTaken):
            create(bob, make_vault_project(alice, organization, "other"), key=id)

        assert AgentSession.objects.count() == 1

    @pytest.mark.parametrize("change", [{"prompt": "other"}, {"prompt": ""}, {"name": "other"}, {"count": 1}])
    def test_refuses_a_known_key_with_another_request(
        self, bob: User, project: Project, change: dict[str, Any]
    ) -> None:
        id = uuid.uuid4()
        create(bob, project, count=2, prompt="go", key=id)

        with pytest.raises(MessageIdTaken):
            create(bob, project, **{"count": 2, "prompt": "go", "key": id} | change)

        assert AgentSession.objects.count() == 2

    def test_refuses_a_taken_name_and_creates_none_of_them(self, bob: User, project: Project) -> None:
        create(bob, project, name="feature-2")

        with pytest.raises(NameTaken, match="feature-2"):
            create(bob, project, count=3)

        assert AgentSession.objects.count() == 1

    def test_finds_a_name_in_the_prompt_that_nobody_has(self, bob: User, project: Project) -> None:
        prompt = "Run the tests, find out why one fails, and fix the program.\nDo not change the test."
        (first,) = create(bob, project, name="", prompt=prompt)
        (second,) = create(bob, project, name=" ", prompt=prompt)
        several = create(bob, project, name="", count=2)
        (later,) = create(bob, project, name="", name_from="Look at this picture")

        assert first.name == "Run the tests, find out why one fails"
        assert second.name == f"{first.name} 2"
        assert [one.name for one in several] == ["New session-1", "New session-2"]
        assert later.name == "Look at this picture"

    def test_finds_the_same_when_it_is_repeated(self, bob: User, project: Project) -> None:
        key = uuid.uuid4()
        (first,) = create(bob, project, name="", prompt="build it", key=key)
        (again,) = create(bob, project, name="", prompt="build it", key=key)

        assert again.pk == first.pk
        with pytest.raises(MessageIdTaken):
            create(bob, project, name="", prompt="build something else", key=key)

    def test_gives_each_session_a_branch_of_its_own(self, bob: User, project: Project) -> None:
        names = ["A b", "a-B", "日本", "日本語", "--upload-pack=x"]

        branches = [create(bob, project, name=name)[0].branch for name in names]

        assert branches == [
            "slipway/a-b",
            "slipway/a-b-2",
            "slipway/session",
            "slipway/session-2",
            "slipway/upload-pack-x",
        ]

    @pytest.mark.parametrize(
        ("fields", "error", "field"),
        [
            ({"name": "x" * 101}, Invalid, "name"),
            ({"name": "x" * 10_000}, Invalid, "name"),
            ({"name": "a\0b"}, Invalid, "name"),
            ({"name": "a\nb"}, Invalid, "name"),
            ({"name": "a\ud800"}, Invalid, "name"),
            ({"name": "x" * 99, "count": 2}, Invalid, "name"),
            ({"count": 0}, Invalid, "count"),
            ({"count": 11}, Invalid, "count"),
            ({"model": "gpt-4"}, Invalid, "model"),
            ({"permission_mode": "yolo"}, Invalid, "permission_mode"),
            ({"base_branch": "--upload-pack=x"}, Invalid, "base_branch"),
            ({"base_branch": "nowhere"}, Invalid, "base_branch"),
            ({"base_branch": "a\0"}, Invalid, "base_branch"),
            ({"prompt": "  \n"}, Unprocessable, "prompt"),
            ({"prompt": "a\0b"}, Invalid, "prompt"),
            ({"prompt": "x" * (4 * 2**20 + 1)}, Invalid, "prompt"),
        ],
    )
    def test_names_the_bad_field_and_changes_nothing(
        self, bob: User, project: Project, fields: dict[str, Any], error: type[DomainError], field: str
    ) -> None:
        with pytest.raises(error) as raised:
            create(bob, project, **fields)

        assert raised.value.details[0]["field"] == field
        assert not AgentSession.objects.exists()
        assert not ProcrastinateJob.objects.exists()

    def test_accepts_a_prompt_of_three_megabytes(self, bob: User, project: Project) -> None:
        create(bob, project, prompt="x" * 3 * 2**20)

        assert len(Message.objects.get().text) == 3 * 2**20

    def test_refuses_a_viewer_and_a_stranger(self, vera: User, charlie: User, project: Project) -> None:
        with pytest.raises(Forbidden):
            create(vera, project)
        with pytest.raises(NotFound):
            create(charlie, project)

    def test_refuses_a_foreign_environment(self, bob: User, charlie: User, project: Project) -> None:
        foreign = charlie.organizations.get()

        with pytest.raises(NotFound):
            create(bob, project, environment_id=_environment_of(foreign))

    def test_refuses_a_project_that_is_not_ready(self, bob: User, project: Project) -> None:
        project.status = ProjectStatus.IMPORTING

        with pytest.raises(ProjectNotReady):
            create(bob, project)


def _environment_of(organization: Organization) -> uuid.UUID:
    return Environment.objects.get(organization=organization).pk


class TestBranchFor:
    def test_is_always_a_valid_ref(self) -> None:
        for name in ["..", ".git", "a.lock", "-x", "a/b", "HEAD", "x" * 100, "🚀", "ÄÖ ß", "con", "a~^:?*[\\"]:
            assert is_branch(naming.branch_for(name, set())), name


class TestANameFromAPrompt:
    @pytest.mark.parametrize(
        ("prompt", "name"),
        [
            ("# Fix the login", "Fix the login"),
            ("\n\n  build it!  \nand more", "build it"),
            ("x" * 200, "x" * 50),
            (
                "Mend it. Then look whether everything else still works as before",
                "Mend it. Then look whether everything else still",
            ),
            ("Mend it at version 1.2.3: it is the one that most people still use", "Mend it at version 1.2.3"),
            ("", "New session"),
            ("\u202e\u200b", "New session"),
            ("ログインを直して", "ログインを直して"),
        ],
    )
    def test_is_its_beginning_made_readable(self, prompt: str, name: str) -> None:
        assert naming.name_from(prompt) == name
        assert naming.clean_name(naming.name_from(prompt)) == name
