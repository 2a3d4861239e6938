"""Structured logs: one JSON object a line, with the request, organisation, session and job it belongs to."""

from __future__ import annotations

import logging.config
import logging.handlers
import sys
from pathlib import Path
from typing import Any

import structlog

from config.observability import redaction

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
CHATTY = ("daphne", "twisted", "procrastinate", "aiohttp.access", "asyncio")


def settings(level: str, folder: Path) -> dict[str, Any]:
    """The `LOGGING` dict: everything to stderr, errors also to `<folder>/errors.log`, which outlives the terminal."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": _formatter(as_json=True), "terminal": _formatter(as_json=False)},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "terminal" if sys.stderr.isatty() else "json"},
            "errors": {
                "class": "config.observability.logs.ErrorFile",
                "filename": str(folder / "errors.log"),
                "formatter": "json",
                "level": "ERROR",
                "maxBytes": 10 * 2**20,
                "backupCount": 5,
                "delay": True,
            },
            "reports": {"class": "config.observability.reports.ReportHandler", "level": "ERROR"},
        },
        "root": {"handlers": ["stderr", "errors", "reports"], "level": level},
        # Django's defaults give it a handler of its own, which would print everything twice.
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            **{name: {"level": "WARNING"} for name in CHATTY},
        },
    }


def _formatter(*, as_json: bool) -> dict[str, Any]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    safe = [strip, structlog.processors.format_exc_info, redaction.processor]
    if as_json:
        last: list[Any] = [*safe, structlog.processors.JSONRenderer()]
    else:
        last = [*safe, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return {"()": structlog.stdlib.ProcessorFormatter, "processors": last, "foreign_pre_chain": SHARED}


class ErrorFile(logging.handlers.RotatingFileHandler):
    """A rotating file whose folder is made when the first error comes."""

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return super()._open()


def configure(config: dict[str, Any]) -> None:
    """Django's `LOGGING_CONFIG` hook: the standard library's and structlog's logs take one path."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
