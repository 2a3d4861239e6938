"""The states, by what they are about; a module that is named here is in the gallery."""

from __future__ import annotations

from tests.gallery.states import (
    conversation,
    dialogs,
    entrance,
    environments,
    failures,
    frame,
    projects,
    session,
    settings,
)

MODULES = (entrance, projects, session, conversation, dialogs, frame, settings, environments, failures)
