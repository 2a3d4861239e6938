"""Logs as another program reads them: whole processes, JSON lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import logging, sys, structlog
from pathlib import Path
from config.observability import logs
logs.configure(logs.settings("INFO", Path(sys.argv[1])))
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    structlog.get_logger("app").info("done", count=3)
    logging.getLogger("library").warning("careful with %s", "that")
    logging.getLogger("django.request").error("django says")
    try:
        1 / 0
    except ZeroDivisionError:
        structlog.get_logger("app").exception("broken")
try:
    raise RuntimeError("cannot reach https://bob:hunter2222@git.example")
except RuntimeError:
    headers = {"Cookie": "sessionid=hunter2222"}
    structlog.get_logger("app").exception("leaky", headers=headers, gateway_token="hunter2222")
    logging.getLogger("library").error("with Bearer %s", "hunter2222", exc_info=True)
logging.getLogger("app").debug("unseen")
logging.getLogger("procrastinate.worker").info("chatter")
"""


class TestLogs:
    def run(self, folder: Path) -> list[dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return [json.loads(line) for line in done.stderr.splitlines()]

    def test_every_line_is_one_object_with_its_context(self, tmp_path: Path) -> None:
        lines = self.run(tmp_path)
        assert [line["event"] for line in lines[:4]] == ["done", "careful with that", "django says", "broken"]
        assert {line["request_id"] for line in lines[:4]} == {"r-1"}
        assert lines[0]["count"] == 3

    def test_tracebacks_stay_within_their_line(self, tmp_path: Path) -> None:
        assert "ZeroDivisionError" in str(self.run(tmp_path)[3]["exception"])

    def test_errors_are_also_kept_in_a_file(self, tmp_path: Path) -> None:
        self.run(tmp_path / "logs")
        kept = [json.loads(line) for line in (tmp_path / "logs" / "errors.log").read_text().splitlines()]
        assert [line["event"] for line in kept[:2]] == ["django says", "broken"]

    def test_no_line_and_no_traceback_holds_a_secret(self, tmp_path: Path) -> None:
        lines = self.run(tmp_path / "logs")
        everything = json.dumps(lines) + (tmp_path / "logs" / "errors.log").read_text()

        assert [line["event"] for line in lines[4:]] == ["leaky", "with Bearer [redacted]"]
        assert "hunter2222" not in everything
        assert "git.example" in everything

    def test_no_file_is_made_without_an_error(self, tmp_path: Path) -> None:
        program = PROGRAM.partition('    logging.getLogger("django.request")')[0]
        subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
        assert list(tmp_path.iterdir()) == []
