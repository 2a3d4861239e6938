"""Agent sessions. The label differs from the name because Django's own `sessions` app has taken that one."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions"
    label = "agent_sessions"
    verbose_name = "agent sessions"

    def ready(self) -> None:
        from accounts.signals import organization_suspended
        from environments.signals import deployment_copied, environment_changed, environment_deleted, uses_asked
        from projects.signals import project_changed, project_deleted, project_undeleted
        from sessions import receivers

        organization_suspended.connect(
            receivers.on_organization_suspended, dispatch_uid="sessions.organization_suspended"
        )
        project_changed.connect(receivers.on_project_changed, dispatch_uid="sessions.project_changed")
        project_deleted.connect(receivers.on_project_deleted, dispatch_uid="sessions.project_deleted")
        deployment_copied.connect(receivers.on_deployment_copied, dispatch_uid="sessions.deployment_copied")
        environment_changed.connect(receivers.on_environment_changed, dispatch_uid="sessions.environment_changed")
        environment_deleted.connect(receivers.on_environment_deleted, dispatch_uid="sessions.environment_deleted")
        uses_asked.connect(receivers.on_uses_asked, dispatch_uid="sessions.uses_asked")
        project_undeleted.connect(receivers.on_project_undeleted, dispatch_uid="sessions.project_undeleted")
