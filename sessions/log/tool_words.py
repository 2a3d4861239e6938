"""What each tool of the agent does, in a word or two: the same that pages say (`frontend/src/session/tools.ts`)."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_MCP = re.compile(r"mcp__(.+?)__(.+)")
VERBS: dict[str, Any] = {
    "Bash": _("Run"),
    "BashOutput": _("Read output"),
    "TaskOutput": _("Read output"),
    "KillShell": _("Stop task"),
    "KillBash": _("Stop task"),
    "TaskStop": _("Stop task"),
    "Read": _("Read"),
    "NotebookRead": _("Read"),
    "Write": _("Write"),
    "Edit": _("Edit"),
    "MultiEdit": _("Edit"),
    "NotebookEdit": _("Edit notebook"),
    "Grep": _("Search"),
    "Glob": _("Find files"),
    "LS": _("List folder"),
    "WebFetch": _("Fetch"),
    "WebSearch": _("Search the web"),
    "Task": _("Sub-agent"),
    "Agent": _("Sub-agent"),
    "TodoWrite": _("Task list"),
    "TaskCreate": _("Add task"),
    "TaskUpdate": _("Update task"),
    "TaskList": _("Look at the tasks"),
    "EnterPlanMode": _("Begin to plan"),
    "ExitPlanMode": _("Propose a plan"),
    "AskUserQuestion": _("Question"),
    "Skill": _("Use skill"),
}


def verb(tool: str) -> str:
    """In the reader's language; of a server's tool both names, of one that is not known its own."""
    if tool in VERBS:
        return str(VERBS[tool])
    named = _MCP.fullmatch(tool)
    return gettext("Use {tool} ({server})").format(server=named[1], tool=named[2]) if named else tool
