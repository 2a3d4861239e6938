"""WebSocket paths of sessions."""

from __future__ import annotations

from django.urls import path

from sessions.consumers import SessionConsumer

websocket_urlpatterns = [path("ws/sessions/<uuid:session_id>", SessionConsumer.as_asgi())]
