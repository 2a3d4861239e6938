"""Signals of accounts, for apps above."""

from django.dispatch import Signal

# Sent inside the transaction that makes an organisation, with `organization`.
organization_created = Signal()
