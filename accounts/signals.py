"""What other apps hook into; sent inside the transaction of the change, so that a failing receiver undoes it."""

from __future__ import annotations

from django.dispatch import Signal

# Keyword: organization. Receivers add what every organisation has from its first moment.
organization_created = Signal()

# Keywords: organization, now. Receivers end what runs for it.
organization_suspended = Signal()
