"""What a check of the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One check's outcome; a warning leaves the deployment usable."""

    name: str
    level: Literal["ok", "warning", "error"]
    detail: str
    mend: str = ""
