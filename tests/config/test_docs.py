"""The documents and the code name the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from config.env import Env

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def variable(name: str) -> str:
    return Env.model_fields[name].alias or f"SLIPWAY_{name.upper()}"


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| `([A-Z_]+)` \| .*? \| (.*) \|$", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    return dict(rows)


class TestSettings:
    def test_lists_every_variable_and_no_other(self) -> None:
        assert set(documented()) == {variable(name) for name in Env.model_fields}

    @pytest.mark.parametrize("name", sorted(Env.model_fields))
    def test_says_what_the_code_says(self, name: str) -> None:
        assert documented()[variable(name)] == Env.model_fields[name].description


class TestDocuments:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_names_only_variables_that_exist(self, document: Path) -> None:
        named = set(re.findall(r"\bSLIPWAY_[A-Z_]+\b", document.read_text()))
        assert named <= {variable(name) for name in Env.model_fields}

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_links_to_files_that_exist(self, document: Path) -> None:
        links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        assert [link for link in links if not (document.parent / link).exists()] == []


class TestDecisions:
    @pytest.mark.parametrize("record", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda path: path.stem)
    def test_has_the_four_parts_in_order(self, record: Path) -> None:
        assert re.findall(r"^## (.*)$", record.read_text(), re.MULTILINE) == [
            "Context",
            "Decision",
            "Status",
            "Consequences",
        ]


class TestLockFiles:
    @pytest.mark.parametrize("name", ["base.txt", "dev.txt", "extras.txt", "uv.txt", "node.txt"])
    def test_python_packages_have_hashes_and_no_addresses(self, name: str) -> None:
        text = (ROOT / "requirements" / name).read_text()
        requirements = re.findall(r"^[a-z0-9].*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        assert requirements
        assert all("--hash=sha256:" in requirement for requirement in requirements)
        assert "://" not in text

    @pytest.mark.parametrize("folder", ["frontend", "agents/claude"])
    def test_npm_packages_have_hashes_and_no_addresses(self, folder: str) -> None:
        text = (ROOT / folder / "package-lock.json").read_text()
        assert '"integrity"' in text
        assert '"resolved"' not in text

    @pytest.mark.parametrize("folder", ["frontend", "agents/claude"])
    def test_npm_packages_are_pinned_exactly(self, folder: str) -> None:
        manifest = json.loads((ROOT / folder / "package.json").read_text())
        pins = {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}
        assert [name for name, version in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


class TestStatus:
    def rows(self) -> list[list[str]]:
        lines = re.findall(r"^\| ([A-F]\d+ \|.*) \|$", (ROOT / "docs/status.md").read_text(), re.MULTILINE)
        return [[cell.strip() for cell in re.split(r" \| ?", line)] for line in lines]

    def test_has_each_promise_once(self) -> None:
        ids = [row[0] for row in self.rows()]
        counts = {"A": 11, "B": 10, "C": 19, "D": 8, "E": 10, "F": 10}
        assert sorted(ids) == sorted(
            f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)
        )

    def test_what_works_names_a_proof_that_exists(self) -> None:
        for row in self.rows():
            assert row[2].startswith(("works", "partly", "not yet")), row
            proofs = re.findall(r"`(tests/[^`]+)`", row[-1])
            assert proofs or row[2].startswith("not yet"), row
            assert [proof for proof in proofs if not (ROOT / proof).exists()] == [], row


class TestInteractions:
    def test_name_journeys_that_exist(self) -> None:
        named = re.findall(r"(\w+): (Test\w+)", (ROOT / "docs/interactions.md").read_text())
        assert len(named) > 50
        for file, name in named:
            assert f"\nclass {name}:" in (ROOT / f"tests/journeys/test_browser_{file}.py").read_text(), (file, name)
