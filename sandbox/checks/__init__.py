"""What a place must be able to do for sessions to run there, tried out on a sandbox; for operators, outside of tests.

Each check is a function that says nothing when all is well and raises CheckFailed, or any SandboxError, when it is not.
`examine` makes a sandbox, runs them one after the other, and removes it.
"""

from sandbox.checks.base import Check, CheckFailed, Line, LineStatus
from sandbox.checks.examination import CHECKS, Report, checks_for, examine

__all__ = ["CHECKS", "Check", "CheckFailed", "Line", "LineStatus", "Report", "checks_for", "examine"]
