"""Who may call what of the sessions API and its socket."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import User
from accounts.tenancy import Role
from environments.models import Environment
from projects.models import Project
from projects.vault import Vault
from sessions.models import AgentSession, Checkpoint, JobStatus, PermissionRule, Prompt, SessionStatus
from tests.access.table import Case, Route, Socket, Tenant
from tests.sessions.rows import IMAGE, make_attachment, make_job, make_permission, make_session, make_vault_project


def _project(tenant: Tenant) -> Project:
    """With a real repository; made once for an organisation, since git takes its time."""
    made = Project.objects.filter(organization=tenant.organization, name="with a vault").first()
    owner = User.objects.get(memberships__organization=tenant.organization, memberships__role=Role.OWNER)
    if made is not None and Vault(made.pk).exists():
        return made
    return make_vault_project(owner, tenant.organization, "with a vault")


def _session(tenant: Tenant) -> AgentSession:
    project = _project(tenant)
    branch = project.default_branch
    commit = "a" * 40
    return make_session(tenant.organization, project=project, base_branch=branch, base_commit=commit)


def project(tenant: Tenant) -> Case:
    return Case(params={"project_id": _project(tenant).pk})


def new_sessions(tenant: Tenant) -> Case:
    environment = Environment.objects.get(organization=tenant.organization, is_default=True)
    body = {"name": "one more", "count": 1, "prompt": "go", "environment_id": environment.pk}
    return Case(params={"project_id": _project(tenant).pk}, body=body)


def session(tenant: Tenant) -> Case:
    return Case(params={"session_id": _session(tenant).pk})


def deleted(tenant: Tenant) -> Case:
    """It may be taken back for an hour more."""
    row = _session(tenant)
    AgentSession.objects.filter(pk=row.pk).update(deleted_at=timezone.now() + timedelta(hours=1))
    return Case(params={"session_id": row.pk})


def snapshot(tenant: Tenant) -> Case:
    """A session whose base commit is in the vault."""
    row = _session(tenant)
    AgentSession.objects.filter(pk=row.pk).update(base_commit=_tip(row.project))
    return Case(params={"session_id": row.pk})


def _checkpoint(tenant: Tenant) -> Checkpoint:
    """Of a session whose commits are in the vault and that has nothing to do."""
    row, tip = _session(tenant), _tip(_project(tenant))
    AgentSession.objects.filter(pk=row.pk).update(base_commit=tip, status=SessionStatus.COMPLETED)
    return Checkpoint.objects.create(organization=tenant.organization, session=row, commit=tip, git_status="CLEAN")


def checkpoint(tenant: Tenant) -> Case:
    row = _checkpoint(tenant)
    return Case(params={"session_id": row.session_id, "checkpoint_id": row.pk})


def restoration(tenant: Tenant) -> Case:
    row = _checkpoint(tenant)
    return Case(params={"session_id": row.session_id}, body={"checkpoint_id": row.pk})


def move(tenant: Tenant) -> Case:
    row = _session(tenant)
    AgentSession.objects.filter(pk=row.pk).update(status=SessionStatus.COMPLETED)
    other = Environment.objects.create(organization=tenant.organization, name=f"another {row.pk}", kind="HOST")
    return Case(params={"session_id": row.pk}, body={"environment_id": other.pk})


def environment(tenant: Tenant) -> Case:
    return Case(
        params={"environment_id": Environment.objects.get(organization=tenant.organization, is_default=True).pk}
    )


def changed(tenant: Tenant) -> Case:
    return Case(params={"session_id": _session(tenant).pk}, body={"name": "another name"})


def message(tenant: Tenant) -> Case:
    return Case(params={"session_id": _session(tenant).pk}, body={"text": "hello"})


def answer(tenant: Tenant) -> Case:
    row = _session(tenant)
    body: dict[str, Any] = {"permission_id": make_permission(row).pk, "decision": "allow"}
    return Case(params={"session_id": row.pk}, body=body)


def running(tenant: Tenant) -> Case:
    row = _session(tenant)
    make_job(row, status=JobStatus.PROCESSING)
    return Case(params={"session_id": row.pk})


def failed(tenant: Tenant) -> Case:
    row = _session(tenant)
    make_job(row, status=JobStatus.FAILED)
    return Case(params={"session_id": row.pk})


def one_job(tenant: Tenant) -> Case:
    row = _session(tenant)
    return Case(params={"session_id": row.pk}, body={"job_id": make_job(row).pk})


def waiting_message(tenant: Tenant) -> Case:
    row = _session(tenant)
    return Case(params={"session_id": row.pk, "message_id": make_job(row).message.pk})


def edited_message(tenant: Tenant) -> Case:
    return replace(waiting_message(tenant), body={"text": "something else"})


def new_attachment(tenant: Tenant) -> Case:
    file = SimpleUploadedFile("x.png", IMAGE)
    return Case(params={"session_id": _session(tenant).pk}, form={"file": file})


def attachment(tenant: Tenant) -> Case:
    row = _session(tenant)
    return Case(params={"session_id": row.pk, "attachment_id": make_attachment(row).pk})


def rule(tenant: Tenant) -> Case:
    row = _session(tenant)
    made = PermissionRule.objects.create(
        organization=tenant.organization, project=row.project, session=row, rule="Bash(ls)"
    )
    return Case(params={"rule_id": made.pk})


def organization(tenant: Tenant) -> Case:
    return Case(params={"organization_id": tenant.organization.pk})


def order(tenant: Tenant) -> Case:
    body: dict[str, Any] = {"session_ids": [str(_session(tenant).pk)]}
    return Case(params={"organization_id": tenant.organization.pk}, body=body)


def mark(tenant: Tenant) -> Case:
    return Case(params={"session_id": _session(tenant).pk}, body={"is_pinned": True})


def in_prompt_query(tenant: Tenant) -> Case:
    return Case(query={"project_id": _project(tenant).pk})


def own_prompt(tenant: Tenant) -> Case:
    made = Prompt.objects.create(
        organization=tenant.organization,
        project=_project(tenant),
        user=tenant.caller,
        text="do it",
        digest=uuid.uuid4().hex,
        last_used_at=timezone.now(),
    )
    return Case(params={"prompt_id": made.pk})


def in_session_query(tenant: Tenant) -> Case:
    return Case(query={"organization_id": tenant.organization.pk, "project_id": _project(tenant).pk})


def _tip(project: Project) -> str:
    return Vault(project.pk).resolve_branch(project.default_branch)


ROUTES = [
    Route("GET", "/sessions", Role.VIEWER, in_session_query),
    Route("GET", "/projects/{project_id}/sessions", Role.VIEWER, project),
    Route("POST", "/projects/{project_id}/sessions", Role.MEMBER, new_sessions),
    Route("GET", "/sessions/{session_id}", Role.VIEWER, session),
    Route("PATCH", "/sessions/{session_id}", Role.MEMBER, changed),
    Route("DELETE", "/sessions/{session_id}", Role.MEMBER, session),
    Route("GET", "/sessions/{session_id}/messages", Role.VIEWER, session),
    Route("POST", "/sessions/{session_id}/messages", Role.MEMBER, message),
    Route("POST", "/sessions/{session_id}/input", Role.MEMBER, message),
    Route("PATCH", "/sessions/{session_id}/messages/{message_id}", Role.MEMBER, edited_message),
    Route("DELETE", "/sessions/{session_id}/messages/{message_id}", Role.MEMBER, waiting_message),
    Route("POST", "/sessions/{session_id}/messages/{message_id}/now", Role.MEMBER, waiting_message),
    Route("POST", "/sessions/{session_id}/attachments", Role.MEMBER, new_attachment),
    Route("GET", "/sessions/{session_id}/attachments/{attachment_id}", Role.VIEWER, attachment),
    Route("GET", "/sessions/{session_id}/rules", Role.VIEWER, session),
    Route("GET", "/projects/{project_id}/rules", Role.VIEWER, project),
    Route("DELETE", "/rules/{rule_id}", Role.MEMBER, rule),
    Route("GET", "/prompts", Role.VIEWER, in_prompt_query),
    Route("DELETE", "/prompts/{prompt_id}", Role.VIEWER, own_prompt),
    Route("GET", "/sessions/{session_id}/events", Role.VIEWER, session),
    Route("GET", "/sessions/{session_id}/stream", Role.VIEWER, session),
    Route("GET", "/sessions/{session_id}/conversation.md", Role.VIEWER, session),
    Route("POST", "/sessions/{session_id}/approve", Role.MEMBER, answer),
    Route("POST", "/sessions/{session_id}/interrupt", Role.MEMBER, running),
    Route("POST", "/sessions/{session_id}/cancel", Role.MEMBER, one_job),
    Route("POST", "/sessions/{session_id}/stop", Role.MEMBER, running),
    Route("POST", "/sessions/{session_id}/restart", Role.MEMBER, failed),
    Route("GET", "/sessions/{session_id}/diff", Role.VIEWER, snapshot),
    Route("GET", "/sessions/{session_id}/files", Role.VIEWER, snapshot),
    Route("GET", "/sessions/{session_id}/checkpoints", Role.VIEWER, session),
    Route("GET", "/sessions/{session_id}/checkpoints/{checkpoint_id}/changes", Role.VIEWER, checkpoint),
    Route("POST", "/sessions/{session_id}/restore", Role.MEMBER, restoration),
    Route("POST", "/sessions/{session_id}/move", Role.MEMBER, move),
    Route("POST", "/sessions/{session_id}/prewarm", Role.MEMBER, session),
    Route("POST", "/environments/{environment_id}/prewarm", Role.MEMBER, environment),
    Route("GET", "/orgs/{organization_id}/tree", Role.VIEWER, organization),
    Route("GET", "/orgs/{organization_id}/activity", Role.VIEWER, organization),
    Route("PUT", "/orgs/{organization_id}/session-order", Role.VIEWER, order),
    Route("PUT", "/sessions/{session_id}/mark", Role.VIEWER, mark),
    Route("POST", "/sessions/{session_id}/archive", Role.MEMBER, session),
    Route("POST", "/sessions/{session_id}/unarchive", Role.MEMBER, session),
    Route("POST", "/sessions/{session_id}/undelete", Role.MEMBER, deleted),
]

SOCKETS = [Socket("/ws/sessions/{session_id}", session)]
