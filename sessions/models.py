"""One agent at work: sessions, their jobs, messages, events, permission requests and checkpoints."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.tenancy import AliveManager, TenantModel, TenantQuerySet

NOBODY = uuid.UUID(int=0)


class SessionStatus(models.TextChoices):
    INITIALIZING = "INITIALIZING", "Initializing"
    RUNNING = "RUNNING", "Running"
    WAITING_INPUT = "WAITING_INPUT", "Waits for you"
    COMPLETED = "COMPLETED", "Completed"
    ERROR = "ERROR", "Error"
    STOPPED = "STOPPED", "Stopped"


class GitStatus(models.TextChoices):
    CLEAN = "CLEAN", "Clean"
    DIRTY = "DIRTY", "Dirty"


class PermissionMode(models.TextChoices):
    DEFAULT = "default", "Ask"
    ACCEPT_EDITS = "acceptEdits", "Accept edits"
    PLAN = "plan", "Plan first"
    BYPASS = "bypassPermissions", "Never ask"


class AgentSession(TenantModel):
    """An agent with its branch, working tree, sandbox and conversation.

    `epoch` is the lease: each worker that takes a turn raises it, and every append names the epoch it was made under.
    `agent_run` and `agent_offset` say up to which byte of which spool the log has been written.
    """

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="sessions")
    environment = models.ForeignKey("environments.Environment", null=True, on_delete=models.SET_NULL, related_name="+")
    machine = models.ForeignKey(
        "environments.Machine", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    home_id = models.UUIDField(null=True, blank=True, db_index=True)  # where its files lie; None: named as itself
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    title = models.CharField(max_length=200, blank=True)  # what the model calls the work
    model = models.CharField(max_length=100)
    permission_mode = models.CharField(max_length=20, choices=PermissionMode.choices, default=PermissionMode.DEFAULT)
    base_branch = models.CharField(max_length=255)
    base_commit = models.CharField(max_length=64)
    branch = models.CharField(max_length=255)
    status = models.CharField(max_length=15, choices=SessionStatus.choices, default=SessionStatus.INITIALIZING)
    status_reason = models.CharField(max_length=1000, blank=True)
    git_status = models.CharField(max_length=5, choices=GitStatus.choices, default=GitStatus.CLEAN)
    head_commit = models.CharField(max_length=64, blank=True)  # the newest snapshot in the vault
    claude_session_id = models.UUIDField(null=True, blank=True)
    agent_run = models.CharField(max_length=40, blank=True)
    agent_offset = models.BigIntegerField(default=0)
    agent_state = models.JSONField(default=dict)  # the reducer's state at agent_offset
    agent_options = models.JSONField(default=dict)  # what the running agent process was started with
    last_seq = models.BigIntegerField(default=0)
    epoch = models.BigIntegerField(default=0)
    live = models.JSONField(default=dict)  # the text that streams now: {"block", "parent", "kind", "text"}
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)  # of all turns so far, also what the cache held
    output_tokens = models.PositiveBigIntegerField(default=0)
    files_changed = models.PositiveIntegerField(default=0)  # by the newest snapshot against the base
    context_tokens = models.PositiveBigIntegerField(default=0)  # how full the model's context is
    context_window = models.PositiveBigIntegerField(default=0)  # how much it holds; 0 while unknown
    commands = models.JSONField(default=list)  # the agent's slash commands: {"name", "description", "argument_hint"}
    background = models.JSONField(default=list)  # tasks that go on after the turn: {"id", "kind", "description"}
    idle_since = models.DateTimeField(
        null=True, blank=True
    )  # when the agent's process was last left with nothing to do
    stop_refused_at = models.DateTimeField(null=True, blank=True)  # since its work could not be saved
    is_practice = models.BooleanField(default=False)
    request_key = models.UUIDField(null=True, blank=True, unique=True)  # so that what made it can be repeated
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)  # put away by somebody: in no list, but not lost
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = AliveManager.from_queryset(TenantQuerySet)()  # type: ignore[assignment]
    with_deleted: ClassVar = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=Q(deleted_at=None), name="unique_session_name"
            )
        ]
        indexes = [models.Index(fields=["organization", "-created_at"])]

    def __str__(self) -> str:
        return self.name


class SessionMark(TenantModel):
    """What a session is to one person: how far they have read it, and where it stands in their tree."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="marks")
    last_read_seq = models.BigIntegerField(default=0)
    is_pinned = models.BooleanField(default=False)
    position = models.IntegerField(null=True, blank=True)  # None: before those that were put in order, newest first

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "session"], name="one_mark_per_person")]

    def __str__(self) -> str:
        return f"{self.user} in {self.session}"


class JobStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    PROCESSING = "PROCESSING", "Processing"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class JobTrigger(models.TextChoices):
    MESSAGE = "MESSAGE", "A message"
    AGENT = "AGENT", "The agent itself"


class Job(TenantModel):
    """One turn: what a user's message asks for, or what the agent began by itself when a background task ended."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="jobs")
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.PENDING)
    progress = models.PositiveSmallIntegerField(default=0)
    progress_message = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=2000, blank=True)
    trigger = models.CharField(max_length=7, choices=JobTrigger.choices, default=JobTrigger.MESSAGE)
    is_urgent = models.BooleanField(default=False)  # sent now: what runs is interrupted for it
    asked_by = models.UUIDField(default=NOBODY)  # the user in whose line it waits
    admitted_at = models.DateTimeField(null=True, blank=True)  # when its turn in the queue had come
    request_id = models.CharField(max_length=64, blank=True)  # of the HTTP request or socket that asked for it
    traceparent = models.CharField(max_length=55, blank=True)  # its trace, where traces are kept
    epoch = models.BigIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    interrupt_requested_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["session", "status"]),
            models.Index(
                fields=["organization", "asked_by", "created_at", "id"],
                condition=Q(status="PENDING", admitted_at=None),
                name="jobs_that_wait",
            ),
            models.Index(fields=["session"], condition=Q(status__in=("PENDING", "PROCESSING")), name="jobs_not_over"),
            models.Index(fields=["organization", "admitted_at"]),
            models.Index(fields=["organization", "asked_by", "admitted_at"]),
        ]

    def __str__(self) -> str:
        return f"job {self.id}: {self.status}"


class Message(TenantModel):
    """What a person sent. The client makes the id, so that sending again is harmless; it is the agent's uuid too."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="messages")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="message")
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    edited_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.text[:50]


class Command(TenantModel):
    """An interrupt, cancellation, stop or restart that a client gave an id, so that it can be repeated."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="+")
    key = models.UUIDField()
    what = models.CharField(max_length=60)
    refusal = models.CharField(max_length=30, blank=True)  # the error's class, where it could not be done

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "key"], name="one_command_per_key")]
        indexes = [models.Index(fields=["created_at"])]

    def __str__(self) -> str:
        return self.what


class Attachment(TenantModel):
    """An image that goes with a message; uploaded first, bound when the message is sent, pruned when it never is."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="attachments")
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="attachments")
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)
    media_type = models.CharField(max_length=50)
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.media_type}, {self.size} bytes"


class Event(models.Model):
    """One entry of a session's append-only log; `seq` counts from 1 without gaps."""

    pk = models.CompositePrimaryKey("session_id", "seq")
    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    payload = models.JSONField()
    job_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class ArchivedEvents(models.Model):
    """A stretch of a session's log, compressed: the beginning of what nobody has used for long."""

    pk = models.CompositePrimaryKey("session_id", "first_seq")
    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="archived_events")
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    data = models.BinaryField()  # zlib of a JSON list of events as readers get them

    def __str__(self) -> str:
        return f"{self.first_seq} to {self.last_seq}"


class PermissionStatus(models.TextChoices):
    PENDING = "PENDING", "Pending"
    ALLOWED = "ALLOWED", "Allowed"
    DENIED = "DENIED", "Denied"
    CANCELLED = "CANCELLED", "Cancelled"


class PermissionRequest(TenantModel):
    """Something the agent may not do before a person says so: a tool call, a plan, or a question."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="permission_requests")
    job = models.ForeignKey(Job, null=True, on_delete=models.CASCADE, related_name="permission_requests")
    request_id = models.CharField(max_length=100)  # the agent's own id
    kind = models.CharField(max_length=10, choices=[("TOOL", "Tool"), ("PLAN", "Plan"), ("QUESTION", "Question")])
    tool = models.CharField(max_length=200)
    input = models.JSONField()
    description = models.TextField(blank=True)
    suggestions = models.JSONField(default=list)
    status = models.CharField(max_length=10, choices=PermissionStatus.choices, default=PermissionStatus.PENDING)
    answer = models.JSONField(null=True, blank=True)
    answered_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "request_id"], name="one_row_per_request")]

    def __str__(self) -> str:
        return f"{self.tool}: {self.status}"


class PermissionRule(TenantModel):
    """What agents may do without asking, such as `Bash(npm run *)`: in all sessions of a project, or in one."""

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="permission_rules")
    session = models.ForeignKey(
        AgentSession, null=True, blank=True, on_delete=models.CASCADE, related_name="permission_rules"
    )
    rule = models.CharField(max_length=1000)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "rule"], condition=Q(session=None), name="unique_rule_of_a_project"
            ),
            models.UniqueConstraint(
                fields=["session", "rule"], condition=~Q(session=None), name="unique_rule_of_a_session"
            ),
        ]

    def __str__(self) -> str:
        return self.rule


class Checkpoint(TenantModel):
    """The working tree after a turn, kept in the vault as `refs/sessions/<session>/<checkpoint>`."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="checkpoints")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    commit = models.CharField(max_length=64)
    git_status = models.CharField(max_length=5, choices=GitStatus.choices)
    files_changed = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.commit[:12]


class RestorationStatus(models.TextChoices):
    """Of what a worker does with a session besides turns."""

    PENDING = "PENDING", "Pending"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"


class Restoration(TenantModel):
    """The working tree made what a checkpoint holds; what it was before is one too. The client makes the id."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="restorations")
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="+")
    before = models.OneToOneField(
        Checkpoint, null=True, blank=True, on_delete=models.SET_NULL, related_name="restoration"
    )
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=7, choices=RestorationStatus.choices, default=RestorationStatus.PENDING)
    error = models.CharField(max_length=1000, blank=True)
    files_changed = models.PositiveIntegerField(default=0)
    told_in = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="restorations")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session"], condition=Q(status="PENDING"), name="one_restoration_at_a_time")
        ]
        indexes = [models.Index(fields=["session", "status"])]

    def __str__(self) -> str:
        return f"restoration {self.id}: {self.status}"


class Move(TenantModel):
    """The session taken to another environment. The client makes the id."""

    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="moves")
    environment = models.ForeignKey("environments.Environment", on_delete=models.CASCADE, related_name="+")
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=7, choices=RestorationStatus.choices, default=RestorationStatus.PENDING)
    told_in = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="moves")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session"], condition=Q(status="PENDING"), name="one_move_at_a_time")
        ]

    def __str__(self) -> str:
        return f"move {self.id}: {self.status}"


class AgentRecord(TenantModel):
    """The agent's own record of its conversation, packed, while no sandbox of the session has it."""

    session = models.OneToOneField(AgentSession, on_delete=models.CASCADE, related_name="record")
    claude_session_id = models.UUIDField()
    data = models.BinaryField()
    kept_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"record of {self.session_id}"


class Prompt(TenantModel):
    """What somebody asked in a project, once however often; it is that person's own."""

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    text = models.TextField()
    digest = models.CharField(max_length=64)  # sha256 of the text
    used_count = models.PositiveIntegerField(default=1)
    last_used_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "project", "digest"], name="one_prompt_per_text")]
        indexes = [models.Index(fields=["user", "project", "-last_used_at"])]

    def __str__(self) -> str:
        return f"prompt {self.id}"  # the text is its owner's
