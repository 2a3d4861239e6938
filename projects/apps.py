"""App registration."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from environments.signals import uses_asked
        from projects.receivers import on_uses_asked

        uses_asked.connect(on_uses_asked, dispatch_uid="projects.uses_asked")
