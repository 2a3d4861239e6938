"""What a name for people to read may hold."""

from __future__ import annotations

import re

# Control characters, ends of lines, halves of surrogate pairs, and marks that turn the reading direction round, which
# can make one name look like another.
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
