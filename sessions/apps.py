"""Agent sessions. The label differs from the name because Django's own `sessions` app has taken that one."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions"
    label = "agent_sessions"
    verbose_name = "agent sessions"

    def ready(self) -> None:
        from accounts.signals import organization_suspended
        from projects.signals import project_changed, project_deleted
        from sessions.receivers import on_organization_suspended, on_project_changed, on_project_deleted

        organization_suspended.connect(on_organization_suspended, dispatch_uid="sessions.organization_suspended")
        project_changed.connect(on_project_changed, dispatch_uid="sessions.project_changed")
        project_deleted.connect(on_project_deleted, dispatch_uid="sessions.project_deleted")
