"""Paths of the pages."""

from __future__ import annotations

from django.urls import path

from pages import design, environments, project, settings, views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("design/", design.design, name="design"),
    path("first-turn/", views.first_turn, name="first_turn"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("projects/<uuid:project_id>/", project.project, name="project"),
    path("projects/<uuid:project_id>/delete/", project.delete, name="project_delete"),
    path("projects/<uuid:project_id>/undelete/", project.undelete, name="project_undelete"),
    path("settings/", settings.index, name="settings"),
    path("settings/profile/", settings.profile, name="settings_profile"),
    path("settings/appearance/", settings.appearance, name="settings_appearance"),
    path("settings/notifications/", settings.notifications, name="settings_notifications"),
    path("settings/keyboard/", settings.keyboard, name="settings_keyboard"),
    path("settings/organization/", settings.organization, name="settings_organization"),
    path("settings/usage/", settings.usage, name="settings_usage"),
    path("settings/model-key/", settings.model_key, name="settings_model_key"),
    path("settings/tokens/", settings.tokens, name="settings_tokens"),
    path("settings/environments/", environments.listing, name="settings_environments"),
    path("settings/environments/new/", environments.add, name="environment_add"),
    path("settings/environments/<uuid:environment_id>/", environments.edit, name="environment_edit"),
    path("settings/environments/<uuid:environment_id>/delete/", environments.delete, name="environment_delete"),
    path(
        "settings/environments/<uuid:environment_id>/authenticate/",
        environments.authenticate,
        name="environment_authenticate",
    ),
    path("settings/environments/<uuid:environment_id>/default/", environments.make_default, name="environment_default"),
    path("settings/environments/<uuid:environment_id>/undelete/", environments.undelete, name="environment_undelete"),
    path("settings/environments/<uuid:environment_id>/left/", environments.seen_to, name="environment_left"),
    path("settings/environments/<uuid:environment_id>/test/", environments.test, name="environment_test"),
]
