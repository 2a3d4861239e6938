"""What waits, images, rules and going on after a failure, as a client of the API sees them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import Organization, User
from sessions.models import AgentSession, Job, JobStatus, PermissionRule
from tests.client import ApiClient
from tests.sessions.rows import IMAGE, make_attachment, make_job, make_permission, make_session

Api = Callable[..., ApiClient]


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


class TestQueue:
    def test_shows_what_waits_in_the_order_in_which_the_agent_gets_it(
        self, api: Api, bob: User, session: AgentSession
    ) -> None:
        make_job(session, "runs", status=JobStatus.PROCESSING)
        make_job(session, "x" * 20_001)
        urgent = make_job(session, "now!", is_urgent=True)
        image = make_attachment(session, message=urgent.message)

        queue = api(bob).get(f"/sessions/{session.pk}").json()["queue"]

        assert [item["text"] for item in queue] == ["now!", "x" * 20_000]
        assert [item["is_truncated"] for item in queue] == [False, True]
        first = queue[0]
        assert (first["message_id"], first["is_urgent"], first["trigger"]) == (str(urgent.message.pk), True, "MESSAGE")
        assert first["attachments"] == [{"id": str(image.pk), "media_type": "image/png", "size": image.size}]

    def test_tells_the_place_of_what_waits_for_others(
        self, api: Api, bob: User, organization: Organization, session: AgentSession
    ) -> None:
        before = make_job(make_session(organization), asked_by=bob.pk)
        waiting = make_job(session, asked_by=bob.pk)
        make_job(make_session(organization), status=JobStatus.PROCESSING, admitted_at=timezone.now())

        shown = api(bob).get(f"/sessions/{session.pk}").json()

        assert (shown["active_job"]["id"], shown["active_job"]["place"]) == (str(waiting.pk), 2)
        assert shown["queue"][0]["place"] == 2
        listed = {item["id"]: item for item in api(bob).get("/sessions").json()["items"]}
        assert listed[str(before.session_id)]["active_job"]["place"] == 1

    def test_can_be_edited_hurried_and_emptied(self, api: Api, bob: User, session: AgentSession) -> None:
        client, job = api(bob), make_job(session)
        path = f"/sessions/{session.pk}/messages/{job.message.pk}"

        edited = client.patch(path, {"text": "better"}).json()
        hurried = client.post(f"{path}/now").json()
        removed = client.delete(path)

        assert (edited["message"]["text"], edited["message"]["edited_at"] is None) == ("better", False)
        assert hurried["job"]["is_urgent"] is True
        assert removed.status_code == 204
        assert client.get(f"/sessions/{session.pk}").json()["queue"] == []
        assert client.patch(path, {"text": "too late"}).status_code == 409

    def test_is_not_for_viewers(self, api: Api, vera: User, session: AgentSession) -> None:
        path = f"/sessions/{session.pk}/messages/{make_job(session).message.pk}"

        assert api(vera).patch(path, {"text": "x"}).status_code == 403
        assert api(vera).delete(path).status_code == 403

    def test_has_no_turn_of_the_agents_own(self, api: Api, bob: User, session: AgentSession) -> None:
        Job.objects.create(organization=session.organization, session=session, status="PROCESSING", trigger="AGENT")

        shown = api(bob).get(f"/sessions/{session.pk}").json()

        assert (shown["active_job"]["trigger"], shown["active_job"]["message_id"]) == ("AGENT", None)
        assert shown["queue"] == []
        assert api(bob).get(f"/sessions/{session.pk}/messages").json()["items"] == []


class TestAttachments:
    def test_go_with_a_message_and_come_back_as_they_were(self, api: Api, bob: User, session: AgentSession) -> None:
        client = api(bob)
        upload = SimpleUploadedFile("page.html", IMAGE, "text/html")
        made = client.upload(f"/sessions/{session.pk}/attachments", file=upload)
        body = {"text": "look", "attachments": [made.json()["id"]]}

        sent = client.post(f"/sessions/{session.pk}/messages", body).json()

        assert made.status_code == 201
        assert sent["message"]["attachments"] == [made.json()]
        (listed,) = client.get(f"/sessions/{session.pk}/messages").json()["items"]
        assert listed["attachments"] == [made.json()]
        image = client.get(f"/sessions/{session.pk}/attachments/{made.json()['id']}")
        assert (image.content, image["Content-Type"]) == (IMAGE, "image/png")

    def test_can_do_nothing_in_a_browser(self, api: Api, bob: User, session: AgentSession) -> None:
        image = api(bob).get(f"/sessions/{session.pk}/attachments/{make_attachment(session).pk}")

        assert image["X-Content-Type-Options"] == "nosniff"
        assert image["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert image["Content-Disposition"] == "inline"
        assert image["Cache-Control"].startswith("private")
        assert "Cookie" in image["Vary"]  # else whoever signs in next in the same browser could see it

    @pytest.mark.parametrize("data", [b"<svg/>", b"", IMAGE + b"x" * (5 * 2**20)])
    def test_that_are_no_images_or_too_large_are_refused(
        self, api: Api, bob: User, session: AgentSession, data: bytes
    ) -> None:
        upload = SimpleUploadedFile("x.png", data, "image/png")

        answer = api(bob).upload(f"/sessions/{session.pk}/attachments", file=upload)

        assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")

    def test_of_another_session_are_not_found(
        self, api: Api, bob: User, organization: Organization, session: AgentSession
    ) -> None:
        foreign = make_attachment(make_session(organization))

        assert api(bob).get(f"/sessions/{session.pk}/attachments/{foreign.pk}").status_code == 404


class TestRules:
    def test_are_kept_listed_and_removed(self, api: Api, bob: User, session: AgentSession) -> None:
        client = api(bob)
        suggestion = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "ls:*"}], "behavior": "allow"}
        asked = make_permission(session, suggestions=[suggestion])
        body = {"permission_id": str(asked.pk), "decision": "allow", "always": True, "scope": "project"}

        assert client.post(f"/sessions/{session.pk}/approve", body).status_code == 200

        (rule,) = client.get(f"/projects/{session.project_id}/rules").json()["items"]
        assert (rule["rule"], rule["scope"], rule["session_id"]) == ("Bash(ls:*)", "project", None)
        assert rule["created_by"] == {"id": str(bob.pk), "name": "Bob"}
        assert client.get(f"/sessions/{session.pk}/rules").json()["items"] == [rule]
        assert client.delete(f"/rules/{rule['id']}").status_code == 204
        assert client.get(f"/sessions/{session.pk}/rules").json()["items"] == []

    def test_of_a_deleted_session_are_gone(self, api: Api, bob: User, session: AgentSession) -> None:
        rule = PermissionRule.objects.create(
            organization=session.organization, project=session.project, session=session, rule="Read"
        )
        api(bob).delete(f"/sessions/{session.pk}")

        assert api(bob).delete(f"/rules/{rule.pk}").status_code == 404


class TestRestart:
    def test_goes_on_after_a_failure(self, api: Api, bob: User, session: AgentSession) -> None:
        assert api(bob).post(f"/sessions/{session.pk}/restart").status_code == 409
        make_job(session, status=JobStatus.FAILED)

        answer = api(bob).post(f"/sessions/{session.pk}/restart")

        assert (answer.status_code, answer.json()["active_job"]["status"]) == (202, "PENDING")
