"""The ASGI application: HTTP to Django, `/gateway/` to the model gateway, WebSockets to the consumers."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()  # before anything that touches models

from channels.routing import ProtocolTypeRouter  # noqa: E402

from config.observability import metrics  # noqa: E402
from config.observability.observing import Observed  # noqa: E402
from config.sockets import Receive, Scope, Send, sockets  # noqa: E402
from gateway.asgi import application as gateway_application  # noqa: E402
from sessions.routing import websocket_urlpatterns  # noqa: E402


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    """Model calls stream past Django: they know no session, no middleware and no thread. Nor do metrics."""
    application: Any = gateway_application if scope["path"].startswith("/gateway/") else django_application
    application = metrics.application if scope["path"] == metrics.PATH else application
    await application(scope, receive, send)


application = Observed(ProtocolTypeRouter({"http": http, "websocket": sockets(websocket_urlpatterns)}))
