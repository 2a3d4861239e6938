"""Collectors, their text form, and the labels that must stay few."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime import metrics

TENANT_WORDS = {"organization", "organisation", "tenant", "user", "session", "project", "email", "job_id"}


def sample(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


class TestExposition:
    def test_is_what_prometheus_reads(self) -> None:
        metrics.EVENTS.labels("session.status").inc()

        families = {family.name for family in text_string_to_metric_families(metrics.exposition().decode())}

        assert {"slipway_events", "slipway_http_requests", "process_resident_memory_bytes"} <= families

    def test_no_label_names_a_tenant(self) -> None:
        collectors = [one for one in vars(metrics).values() if hasattr(one, "_labelnames")]

        assert len(collectors) > 20
        assert {name for one in collectors for name in one._labelnames} & TENANT_WORDS == set()


class TestSandboxOperation:
    def test_times_what_works(self) -> None:
        before = sample("slipway_sandbox_seconds_count", backend="HOST", operation="create")

        with metrics.sandbox_operation("HOST", "create"):
            pass

        assert sample("slipway_sandbox_seconds_count", backend="HOST", operation="create") == before + 1

    def test_counts_what_fails_by_its_class(self) -> None:
        labels = {"backend": "HOST", "operation": "create", "error": "LookupError"}
        before = sample("slipway_sandbox_failures_total", **labels)

        with pytest.raises(LookupError), metrics.sandbox_operation("HOST", "create"):
            raise LookupError

        assert sample("slipway_sandbox_failures_total", **labels) == before + 1


class TestLabel:
    def test_is_short_and_printable(self) -> None:
        assert metrics.label("a\n\x00b" + "c" * 500) == "a??b" + "c" * 96
