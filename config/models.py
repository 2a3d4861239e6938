"""What the deployment itself keeps: its critical errors, grouped."""

from __future__ import annotations

from django.db import models


class ErrorReport(models.Model):
    """All critical errors of one kind: how often, when, and what the newest one looked like."""

    fingerprint = models.CharField(max_length=64, unique=True)
    logger = models.CharField(max_length=100)
    event = models.CharField(max_length=200)
    error = models.CharField(max_length=100, blank=True)  # the exception's class
    detail = models.CharField(max_length=1000, blank=True)
    place = models.CharField(max_length=200, blank=True)  # the innermost line of ours
    traceback = models.TextField(blank=True)
    count = models.PositiveBigIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(db_index=True)
    role = models.CharField(max_length=20, blank=True)  # of the process: web, worker or all
    request_id = models.CharField(max_length=64, blank=True)
    organization_id = models.CharField(max_length=36, blank=True)
    session_id = models.CharField(max_length=36, blank=True)
    job_id = models.CharField(max_length=36, blank=True)

    def __str__(self) -> str:
        return f"{self.event} {self.error}".strip()
