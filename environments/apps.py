"""App registration."""

from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        from accounts.signals import organization_created
        from environments.signals import on_organization_created

        organization_created.connect(on_organization_created, dispatch_uid="environments.default")
