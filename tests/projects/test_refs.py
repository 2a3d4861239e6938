"""Branch, ref and object names."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects import refs
from projects.errors import BadRef


class TestIsBranch:
    @pytest.mark.parametrize("name", ["main", "feature/one", "a.b", "日本", "slipway/x-1", "v1.0-rc"])
    def test_takes_ordinary_names(self, name: str) -> None:
        assert refs.is_branch(name)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "-x",
            "--upload-pack=x",
            "a/-b",
            "a..b",
            "a b",
            "a\nb",
            "a\0b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "/a",
            "a/",
            "a//b",
            "@",
            "a@{1}",
            "HEAD",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "x" * 256,
            "a.",
            "\ud800",
            "a\x7f",
        ],
    )
    def test_refuses_what_is_an_option_a_revision_or_no_ref(self, name: str) -> None:
        assert not refs.is_branch(name)

    @settings(max_examples=150)
    @given(st.text(alphabet="ab./-@{}~^: \\*[?\x01\x7féHEADlock", min_size=1, max_size=12))
    def test_never_takes_what_git_refuses(self, name: str) -> None:
        if refs.is_branch(name):
            done = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False)
            assert done.returncode == 0


class TestRequire:
    def test_names_the_field(self) -> None:
        with pytest.raises(BadRef) as caught:
            refs.require_branch("--upload-pack=x", field="base_branch")

        assert caught.value.details[0]["field"] == "base_branch"

    @pytest.mark.parametrize("ref", ["main", "refs", "refs/", "refs/heads/../x", "-refs/x"])
    def test_refuses_a_ref_that_is_not_full(self, ref: str) -> None:
        with pytest.raises(BadRef):
            refs.require_ref(ref)

    @pytest.mark.parametrize("oid", ["HEAD", "a" * 39, "A" * 40, "a" * 41, "a" * 40 + "\n", ""])
    def test_refuses_what_is_not_an_object_id(self, oid: str) -> None:
        with pytest.raises(BadRef):
            refs.require_oid(oid)
