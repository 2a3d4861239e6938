"""Agent sessions. The label differs from the name because Django's own `sessions` app has taken that one."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions"
    label = "agent_sessions"
    verbose_name = "agent sessions"
