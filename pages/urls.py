"""Paths of the pages."""

from __future__ import annotations

from django.urls import path

from pages import design, project, settings, views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("design/", design.design, name="design"),
    path("first-turn/", views.first_turn, name="first_turn"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("projects/<uuid:project_id>/", project.project, name="project"),
    path("projects/<uuid:project_id>/delete/", project.delete, name="project_delete"),
    path("settings/", settings.index, name="settings"),
    path("settings/profile/", settings.profile, name="settings_profile"),
    path("settings/appearance/", settings.appearance, name="settings_appearance"),
    path("settings/notifications/", settings.notifications, name="settings_notifications"),
    path("settings/keyboard/", settings.keyboard, name="settings_keyboard"),
    path("settings/organization/", settings.organization, name="settings_organization"),
    path("settings/usage/", settings.usage, name="settings_usage"),
    path("settings/model-key/", settings.model_key, name="settings_model_key"),
    path("settings/tokens/", settings.tokens, name="settings_tokens"),
]
