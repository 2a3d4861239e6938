"""The pages answer members, hide from strangers, and show what is there."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Organization, User
from environments.models import Environment
from gateway import keys
from projects.models import Project, ProjectSource, ProjectStatus
from sessions import services
from sessions.models import AgentSession, PermissionRequest, PermissionRule, SessionStatus
from tests import factories
from tests.pages.conftest import browser

SETTINGS = ["", "profile/", "appearance/", "notifications/", "keyboard/", "organization/", "usage/", "model-key/"]
PAGES = ["/", *(f"/settings/{section}" for section in [*SETTINGS, "tokens/"])]
BEFORE_SIGN_IN = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]


class TestEveryPage:
    @pytest.mark.parametrize("path", PAGES)
    def test_answers_members(self, path: str, bob: User) -> None:
        assert browser(bob).get(path).status_code == 200

    @pytest.mark.parametrize("path", [*PAGES, f"/sessions/{uuid.UUID(int=7)}/"])
    def test_sends_others_to_sign_in_and_back(self, path: str, db: None) -> None:
        answer = browser().get(path)

        assert answer.status_code == 302
        assert answer["Location"] == f"/accounts/login/?next={path}"

    @pytest.mark.parametrize("path", PAGES)
    def test_hides_an_organisation_from_strangers_as_if_it_were_not_there(
        self, path: str, organization: Organization, charlie: User
    ) -> None:
        theirs = browser(charlie).get(path, {"organization": str(organization.pk)})
        nobodys = browser(charlie).get(path, {"organization": str(uuid.uuid4())})

        assert theirs.status_code == nobodys.status_code == 404
        assert organization.name not in theirs.content.decode()

    @pytest.mark.parametrize("organization_id", ["x", "\x00", "' OR 1=1", "9" * 5000])
    def test_takes_a_broken_organisation_id_for_one_that_is_not_there(self, organization_id: str, alice: User) -> None:
        assert browser(alice).get("/", {"organization": organization_id}).status_code == 404

    @pytest.mark.parametrize("path", BEFORE_SIGN_IN)
    def test_can_be_read_before_signing_in(self, path: str, db: None) -> None:
        assert browser().get(path).status_code == 200


class TestDashboard:
    def test_leads_by_the_hand_when_there_is_nothing(self, alice: User) -> None:
        page = browser(alice).get("/").content.decode()

        assert 'data-open="new-project"' in page
        assert "Try it on the sample project" in page

    def test_shows_projects_and_their_sessions(self, alice: User, session: AgentSession) -> None:
        page = browser(alice).get("/").content.decode()

        assert "shop" in page
        assert f'href="/sessions/{session.pk}/"' in page
        assert "Try it on the sample project" not in page

    def test_follows_a_running_import(self, alice: User, project: Project) -> None:
        Project.objects.filter(pk=project.pk).update(status=ProjectStatus.IMPORTING)

        assert f'<slw-import project-id="{project.pk}" ' in browser(alice).get("/").content.decode()

    def test_offers_viewers_nothing_that_they_may_not_do(self, vera: User, session: AgentSession) -> None:
        page = browser(vera).get("/").content.decode()

        assert "fix-login" in page
        assert "data-open=" not in page
        assert "slw-new-session" not in page

    def test_says_that_the_practice_model_answers(self, alice: User) -> None:
        assert "practice model" in browser(alice).get("/").content.decode().lower()

    def test_says_nothing_of_it_where_sessions_begin_with_a_key(self, alice: User, project: Project) -> None:
        organization = project.organization
        assert "Practice model" in browser(alice).get("/").content.decode()

        place = Environment.objects.get(organization=organization, is_default=True)
        text = "sk-ant-api03-of-the-environment-wxyz"
        keys.set_place_key(organization_id=organization.pk, place_id=place.pk, text=text, now=timezone.now())

        assert "Practice model" not in browser(alice).get("/").content.decode()

    def test_says_who_waits_only_when_someone_asks(self, alice: User, session: AgentSession) -> None:
        AgentSession.objects.update(status=SessionStatus.WAITING_INPUT)
        client = browser(alice)
        assert "Waits for you" not in client.get("/").content.decode()

        PermissionRequest.objects.create(
            organization=session.organization, session=session, request_id="r", kind="TOOL", tool="Bash", input={}
        )

        assert "Waits for you" in client.get("/").content.decode()

    def test_lists_what_waits_what_runs_and_what_failed_first(self, alice: User, session: AgentSession) -> None:
        at = timezone.now()
        for hours, status in enumerate(("COMPLETED", "ERROR", "RUNNING", "STOPPED")):
            row = AgentSession(organization=session.organization, project=session.project, name=status, status=status)
            row.save()
            AgentSession.objects.filter(pk=row.pk).update(updated_at=at - timedelta(hours=hours + 1))
        AgentSession.objects.filter(pk=session.pk).update(updated_at=at - timedelta(hours=9))
        PermissionRequest.objects.create(
            organization=session.organization, session=session, request_id="r", kind="TOOL", tool="Bash", input={}
        )

        for path in ("/", f"/projects/{session.project_id}/"):
            page = browser(alice).get(path).content.decode()
            listed = re.findall(r'<span class="cut strong" title="([^"]+)"', page)
            assert listed == ["fix-login", "RUNNING", "ERROR", "COMPLETED", "STOPPED"], path

    def test_keeps_the_chosen_organisation(self, alice: User, charlie: User, organization: Organization) -> None:
        other = charlie.organizations.get()
        other.members.add(alice, through_defaults={"organization": other})
        client = browser(alice)

        client.get("/", {"organization": str(other.pk)})

        assert client.get("/").context["organization"] == other

    def test_shows_hostile_names_as_text(self, alice: User, session: AgentSession) -> None:
        AgentSession.objects.update(name="</script><img src=x onerror=alert(1)>")

        for path in ("/", f"/sessions/{session.pk}/"):
            page = browser(alice).get(path).content.decode()
            assert "<img src=x" not in page
            assert page.count("</script>") == page.count("<script")

    def test_asks_the_database_as_often_for_many_rows_as_for_few(self, alice: User, session: AgentSession) -> None:
        client = browser(alice)
        client.get("/")
        with CaptureQueriesContext(connection) as few:
            client.get("/")
        for number in range(5):
            project = Project.objects.create(
                organization=session.organization, name=f"p{number}", source=ProjectSource.EMPTY, status="READY"
            )
            AgentSession.objects.create(
                organization=session.organization, project=project, name="s", model="m", base_branch="main", branch="b"
            )

        with CaptureQueriesContext(connection) as many:
            client.get("/")

        assert len(many) == len(few)


class TestTheSidebar:
    def test_finds_an_organisation_by_its_name_where_there_are_many(self, alice: User) -> None:
        client = browser(alice)
        assert "data-filter-menu" not in client.get("/").content.decode()
        for number in range(7):
            factories.make_organization(f"organisation {number}", alice)

        assert "data-filter-menu" in client.get("/").content.decode()

    def test_shows_pinned_sessions_first_and_the_first_few_of_each_project(
        self, alice: User, session: AgentSession
    ) -> None:
        for number in range(12):
            AgentSession.objects.create(
                organization=session.organization,
                project=session.project,
                name=f"number {number}",
                model="m",
                base_branch="main",
                branch=f"b{number}",
            )
        services.mark_session(session=session, user=alice, is_pinned=True)

        page = browser(alice).get("/").content.decode()

        tree = page[page.index('class="tree-list') : page.index("</slw-tree>")]
        assert tree.index("fix-login") < tree.index("number 11") < tree.index("number 4")
        assert "number 3" not in tree
        assert "Show 4 more" in tree


class TestProject:
    def test_shows_its_sessions_and_a_place_for_its_rules(self, bob: User, session: AgentSession) -> None:
        page = browser(bob).get(f"/projects/{session.project_id}/").content.decode()

        assert f'<slw-rules project-id="{session.project_id}" can-write>' in page
        assert "No rules yet" in page
        assert "fix-login" in page

    def test_writes_its_rules_into_the_page_so_that_nothing_moves(self, bob: User, session: AgentSession) -> None:
        PermissionRule.objects.create(
            organization=session.organization, project=session.project, rule="Bash(</script>)", created_by=bob
        )

        page = browser(bob).get(f"/projects/{session.project_id}/").content.decode()

        assert '<code class="rule">Bash(&lt;/script&gt;)</code>' in page
        assert '"rule": "Bash(\\u003C/script\\u003E)", "scope": "project"' in page

    def test_lets_viewers_see_the_rules_only(self, vera: User, session: AgentSession) -> None:
        page = browser(vera).get(f"/projects/{session.project_id}/").content.decode()

        assert f'<slw-rules project-id="{session.project_id}">' in page
        assert "data-open=" not in page

    def test_is_not_there_for_strangers_and_once_deleted(
        self, charlie: User, alice: User, session: AgentSession
    ) -> None:
        path = f"/projects/{session.project_id}/"
        assert browser(charlie).get(path).status_code == 404

        Project.objects.update(deleted_at=session.created_at)

        assert browser(alice).get(path).status_code == 404


class TestSession:
    def test_answers_members_with_what_the_page_needs(self, bob: User, session: AgentSession) -> None:
        answer = browser(bob).get(f"/sessions/{session.pk}/")

        assert answer.status_code == 200
        assert answer.context["page"]["can_write"] is True
        assert answer.context["page"]["user_id"] == str(bob.pk)
        assert answer.context["page"]["version"] == settings.BUILD
        assert f'<slw-session session-id="{session.pk}">' in answer.content.decode()

    def test_lets_viewers_watch_only(self, vera: User, session: AgentSession) -> None:
        assert browser(vera).get(f"/sessions/{session.pk}/").context["page"]["can_write"] is False

    def test_is_not_there_for_strangers(self, charlie: User, session: AgentSession) -> None:
        assert browser(charlie).get(f"/sessions/{session.pk}/").status_code == 404

    def test_is_not_there_once_deleted(self, alice: User, session: AgentSession) -> None:
        AgentSession.objects.update(deleted_at=session.created_at)

        assert browser(alice).get(f"/sessions/{session.pk}/").status_code == 404

    def test_is_marked_in_the_tree(self, alice: User, session: AgentSession) -> None:
        page = browser(alice).get(f"/sessions/{session.pk}/").content.decode()

        assert f'href="/sessions/{session.pk}/" aria-current="page"' in page


class TestTheFirstTurn:
    KEY = "0190a000-0000-7000-8000-000000000001"

    def test_makes_the_sample_project_and_a_session_once_however_often_it_is_pressed(self, alice: User) -> None:
        client = browser(alice)
        answers = [client.post("/first-turn/", {"key": self.KEY, "prompt": "fix it"}) for _ in range(2)]

        session = AgentSession.objects.get()
        assert {answer["Location"] for answer in answers} == {f"/sessions/{session.pk}/?tour"}
        assert (session.name, session.project.source) == ("fix it", ProjectSource.SAMPLE)

    def test_shows_again_what_was_typed_when_something_is_wrong_with_it(self, alice: User) -> None:
        answer = browser(alice).post("/first-turn/", {"key": self.KEY, "prompt": "fix\0it"})

        assert answer.status_code == 400
        assert 'role="alert"' in answer.content.decode()
        assert not Project.objects.exists()

    @pytest.mark.parametrize("key", ["", "x"])
    def test_needs_an_id(self, alice: User, key: str) -> None:
        assert browser(alice).post("/first-turn/", {"key": key, "prompt": "fix it"}).status_code == 400

    def test_is_not_for_viewers_who_are_told_whom_to_ask(self, vera: User) -> None:
        client = browser(vera)

        page = client.get("/").content.decode()
        assert "alice@example.com" in page
        assert "first-turn" not in page
        assert client.post("/first-turn/", {"key": self.KEY, "prompt": "fix it"}).status_code == 403

    def test_shows_the_way_only_until_it_was_seen(self, alice: User, session: AgentSession) -> None:
        client = browser(alice)

        assert "<slw-tour>" in client.get(f"/sessions/{session.pk}/?tour").content.decode()
        assert "<slw-tour>" not in client.get(f"/sessions/{session.pk}/").content.decode()
        client.patch("/api/me/preferences", {"is_tour_done": True}, content_type="application/json")
        assert "<slw-tour>" not in client.get(f"/sessions/{session.pk}/?tour").content.decode()
