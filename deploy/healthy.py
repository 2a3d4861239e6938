"""Whether the web server of this container answers; the exit code says it to the container engine."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

# As the proxy would send it: plain requests are sent on to https.
_request = urllib.request.Request("http://127.0.0.1:8470/api/health", headers={"X-Forwarded-Proto": "https"})

try:
    with urllib.request.urlopen(_request, timeout=3) as _answer:
        sys.exit(0 if _answer.status == 200 else 1)
except (urllib.error.URLError, OSError) as error:
    sys.exit(f"not healthy: {error}")
