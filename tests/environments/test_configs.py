"""The typed configuration of environments."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import Invalid
from environments import configs


class TestParse:
    def test_fills_the_defaults_of_a_docker_environment(self) -> None:
        config = configs.parse("DOCKER", {"image": "debian:12"})

        assert config.model_dump()["pids"] == 512

    @pytest.mark.parametrize(
        ("kind", "config", "field"),
        [
            ("HOST", {"shell": "/bin/sh"}, "config.shell"),
            ("DOCKER", {}, "config.image"),
            ("DOCKER", {"image": "--privileged"}, "config.image"),
            ("DOCKER", {"image": "a b"}, "config.image"),
            ("DOCKER", {"image": "debian", "memory_mb": 1}, "config.memory_mb"),
            ("SSH", {"host": "-oProxyCommand=x", "username": "u"}, "config.host"),
            ("SSH", {"host": "h", "username": "u", "port": 70000}, "config.port"),
            ("MODAL", {"timeout_s": 1}, "config.timeout_s"),
        ],
    )
    def test_names_the_bad_field(self, kind: str, config: dict[str, Any], field: str) -> None:
        with pytest.raises(Invalid) as caught:
            configs.parse(kind, config)

        assert [detail["field"] for detail in caught.value.details] == [field]

    def test_refuses_an_unknown_kind(self) -> None:
        with pytest.raises(Invalid):
            configs.parse("CLOUD", {})
