"""Paths of the pages."""

from __future__ import annotations

from django.urls import path

from sessions import project_views, settings_views, views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("design/", views.design, name="design"),
    path("first-turn/", views.first_turn, name="first_turn"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("projects/<uuid:project_id>/", project_views.project, name="project"),
    path("projects/<uuid:project_id>/delete/", project_views.delete, name="project_delete"),
    path("settings/", settings_views.index, name="settings"),
    path("settings/profile/", settings_views.profile, name="settings_profile"),
    path("settings/appearance/", settings_views.appearance, name="settings_appearance"),
    path("settings/notifications/", settings_views.notifications, name="settings_notifications"),
    path("settings/keyboard/", settings_views.keyboard, name="settings_keyboard"),
    path("settings/organization/", settings_views.organization, name="settings_organization"),
    path("settings/usage/", settings_views.usage, name="settings_usage"),
    path("settings/model-key/", settings_views.model_key, name="settings_model_key"),
    path("settings/tokens/", settings_views.tokens, name="settings_tokens"),
]
