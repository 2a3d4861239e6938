"""Folders that an agent has filled are removed, whatever is in them."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.folders import remove_tree


class TestRemoveTree:
    def test_removes_a_tree_deeper_than_any_path(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        root.mkdir()
        home = os.open(".", os.O_RDONLY)
        try:
            os.chdir(root)
            for _ in range(3000):
                os.mkdir("deep")
                os.chdir("deep")
        finally:
            os.fchdir(home)
            os.close(home)

        remove_tree(root)

        assert not root.exists()

    def test_follows_no_link_out(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside"
        (root / "sub").mkdir(parents=True)
        outside.mkdir()
        (outside / "precious").write_text("x")
        (root / "sub" / "link").symlink_to(outside)

        remove_tree(root)

        assert (outside / "precious").read_text() == "x"
        assert not root.exists()

    def test_removes_what_has_no_permissions_and_odd_names(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        (root / "closed" / "inner").mkdir(parents=True)
        (root / "closed" / "inner" / "f").write_text("x")
        (root / os.fsdecode(b"\xff\n -rf *")).write_text("x")
        os.mkfifo(root / "pipe")
        (root / "closed" / "inner").chmod(0)
        (root / "closed").chmod(0)

        remove_tree(root)

        assert not root.exists()

    def test_removes_a_link_instead_of_its_target(self, tmp_path: Path) -> None:
        target = tmp_path / "target"
        target.mkdir()
        (tmp_path / "root").symlink_to(target)

        remove_tree(tmp_path / "root")
        remove_tree(tmp_path / "missing")

        assert target.is_dir()
        assert not (tmp_path / "root").is_symlink()
