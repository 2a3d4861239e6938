"""Paths of the pages."""

from __future__ import annotations

from django.urls import path

from sessions import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("design/", views.design, name="design"),
    path("sidebar/", views.sidebar, name="sidebar"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("projects/<uuid:project_id>/", views.project, name="project"),
    path("settings/tokens/", views.tokens, name="settings_tokens"),
    path("settings/usage/", views.usage, name="settings_usage"),
]
