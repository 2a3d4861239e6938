"""The benchmarks run: their smallest round, without a word on how long anything takes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import api, containers, create, distant, idle, jobs, modal, processes, stream
from bench.figures import Figure, median_spread, spread, table

pytestmark = pytest.mark.timeout(180)


class SmallStream(stream.Size):
    def pieces(self, sessions: int) -> int:
        return 10


class TestSpread:
    def test_is_of_values_that_occurred(self) -> None:
        found = spread([float(number) for number in range(100, 0, -1)])

        assert (found.p50, found.p99) == (50, 99)

    def test_takes_the_median_round(self) -> None:
        rounds = [spread([1.0]), spread([9.0]), spread([2.0])]

        assert median_spread(rounds) == spread([2.0])


class TestTable:
    def test_shows_each_figure_beside_its_baseline(self) -> None:
        text = table([Figure("create", 90, "ms", "clone", 60)])

        assert text.splitlines()[-1] == "| create | 90 ms | clone | 60 ms | 1.50 |"


class TestWrite:
    def test_replaces_the_table_and_nothing_else(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        page, (begin, end) = tmp_path / "performance.md", command.PAGES
        page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
        monkeypatch.setattr(command, "PAGE", page)

        command._write("new\n", command.PAGES)

        assert page.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"

    def test_finds_its_marks_in_the_document(self) -> None:
        text = command.PAGE.read_text()

        for begin, end in (command.SERVER, command.PAGES, command.SANDBOXES):
            assert 0 < text.index(begin) < text.index(end)


class TestUsage:
    def test_is_that_of_the_time_between(self) -> None:
        usage = stream.Usage(1)
        usage._seen = [(0.0, 5.0, 9.0, 0.0), (1.0, 6.0, 10.0, 2.0), (3.0, 6.5, 13.0, 6.0), (4.0, 9.0, 13.0, 8.0)]

        assert usage.between(1.1, 2.9) == (0.25, 0.75)

    def test_counts_no_idle_core(self) -> None:
        busy_s, all_s = processes.machine_s()

        assert 0 < busy_s < all_s


class TestParts:
    def test_one_that_fails_leaves_the_others_and_the_page(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        async def broken(size: create.Size) -> list[Figure]:
            raise RuntimeError

        async def measured(size: jobs.Size) -> list[Figure]:
            return [Figure("turns", 1, "/s", "one", 1)]

        monkeypatch.setattr(create, "measure", broken)
        monkeypatch.setattr(jobs, "measure", measured)
        monkeypatch.setattr(command, "PAGE", tmp_path / "absent.md")

        assert command.main(["create", "jobs", "--write"]) == 1
        assert "| turns |" in capsys.readouterr().out


class TestBenchmarks:
    async def test_create_makes_sandboxes_and_bare_trees(self) -> None:
        figures = await create.measure(create.Size(files=(10,), rounds=1))

        assert all_measured(figures, 2)

    async def test_ssh_stands_beside_the_bare_program(self) -> None:
        figures = await distant.measure(distant.Size(rounds=1, stream_mib=1))

        assert all_measured(figures, 3)

    async def test_containers_stand_beside_the_engines_own_command(self) -> None:
        figures = await containers.measure(containers.Size(runtimes=("runc",), rounds=1, echoes=2, turns=1))

        assert all(figure.value > 0 and figure.baseline > 0 for figure in figures)

    async def test_modal_is_measured_beside_the_bare_client(self) -> None:
        figures = await modal.measure(modal.Size(rounds=1, stream_mib=1))

        assert all_measured(figures, 3)

    async def test_stream_follows_a_real_session(self) -> None:
        figures = await stream.measure(SmallStream(sessions=(1,), rounds=1))

        assert all_measured(figures[:5], 5)
        assert "processor time" in figures[5].name  # of ten pieces it may be too little to be counted
        assert "all cores" in figures[6].name

    async def test_jobs_run_turns_and_append(self) -> None:
        figures = await jobs.measure(jobs.Size(sessions=2, turns=1, appends=100))

        assert all_measured(figures, 3)

    async def test_idle_finds_every_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(idle, "SETTLE_S", 0.1)

        figures = await idle.measure(idle.Size(sockets=2, sessions=1, rest_s=0.5))

        of_server, of_all, server_at_work, all_at_work, _, of_session = figures
        assert all_measured([of_server, of_all, of_session], 3)
        assert of_all.value > of_server.value
        assert all_at_work.value >= server_at_work.value  # of so short a time it may be too little to be counted
        assert of_session.ratio > 1

    async def test_api_sends_lists_and_catches_up(self) -> None:
        figures = await api.measure(api.Size(rows=20, events=150, rounds=1))

        assert all_measured(figures, 6)
        assert figures[-1].ratio == 1  # as many queries with twice the rows


def all_measured(figures: list[Figure], count: int) -> bool:
    return len(figures) == count and all(figure.value > 0 and math.isfinite(figure.ratio) for figure in figures)
