"""What the practice model does with ordinary prompts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.practice import behaviours, conversation, programs, repair, routines
from tests.gateway.practice import talk

OK = ("File created successfully", False)
PASSED = ("....\nRan 4 tests in 0.000s\n\nOK", False)


class TestChoose:
    @pytest.mark.parametrize(
        ("prompt", "behaviour"),
        [
            ("Write a fizzbuzz program with a test", routines.write_program),
            ("Do something", routines.write_program),
            ("Make a plan for it", routines.make_plan),
            ("Ask me a question", routines.ask_question),
            ("Let a sub-agent look", routines.use_sub_agent),
            ("Run the tests and fix what fails", repair.repair),
            ("Run the tests", repair.repair),
            ("Hello, who are you?", routines.explain),
            ("Explain this", routines.explain),
            ("fizzbuzz プログラムとテストを書いてください。", routines.write_program),
            ("計画を立ててください。", routines.make_plan),
            ("テストを実行し、失敗の原因を調べて修正してください。", repair.repair),
            ("これを説明してください。", routines.explain),
            (f"{routines.SUB_AGENT} plan to ask an agent", routines.look_around),
        ],
    )
    def test_goes_by_the_words(self, prompt: str, behaviour: object) -> None:
        assert behaviours.choose(conversation.read(talk.request(talk.user(prompt)))) is behaviour

    def test_plans_whenever_plan_mode_is_on(self) -> None:
        messages = [talk.user("Write fizzbuzz"), talk.harness(talk.PLANNING)]

        assert behaviours.choose(conversation.read(talk.request(*messages))) is routines.make_plan

    def test_does_not_plan_after_plan_mode_was_left(self) -> None:
        messages = [
            *(talk.user("Write fizzbuzz"), talk.harness(talk.PLANNING), {"role": "assistant", "content": "ok"}),
            *(talk.harness("## Exited Plan Mode"), talk.user("Write primes")),
        ]

        assert behaviours.choose(conversation.read(talk.request(*messages))) is routines.write_program


class TestWriteProgram:
    async def test_says_first_that_it_is_not_a_real_model_and_how_to_get_one(self) -> None:
        (answer,) = await talk.play([talk.user("Write fizzbuzz"), talk.harness()])

        assert "practice model, not a real one" in talk.text(answer)
        assert "SLIPWAY_ANTHROPIC_API_KEY" in talk.text(answer)
        assert talk.calls(answer)[0]["input"]["file_path"] == "/workspace/fizzbuzz.py"

    async def test_asks_to_run_the_test_and_reports_that_it_passed(self) -> None:
        answers = await talk.play([talk.user("Write primes"), talk.harness()], OK, OK, PASSED)

        assert talk.calls(answers[2])[0]["input"]["command"] == "python3 -B -m unittest -v test_primes"
        assert talk.text(answers[3]).startswith("The tests passed")
        assert answers[3]["stop_reason"] == "end_turn"

    @pytest.mark.parametrize(
        ("outcome", "words"),
        [
            (("Exit code 1\nFAILED (failures=1)", True), "The tests failed"),
            (("Not today.", True), "was not run: Not today."),
            (("nothing of note", False), "I do not see that tests passed"),
        ],
    )
    async def test_reports_truthfully(self, outcome: tuple[str, bool], words: str) -> None:
        answers = await talk.play([talk.user("Write primes"), talk.harness()], OK, OK, outcome)

        assert words in talk.text(answers[3])

    async def test_stops_when_it_may_not_write(self) -> None:
        answers = await talk.play([talk.user("Write primes"), talk.harness()], ("Hands off.", True))

        assert "was not written: Hands off." in talk.text(answers[1])
        assert not talk.calls(answers[1])

    async def test_writes_another_program_for_the_next_prompt(self) -> None:
        first = await talk.play([talk.user("Write something"), talk.harness()], OK, OK, PASSED)
        history = [talk.user("Write something"), talk.harness(), {"role": "assistant", "content": first[0]["content"]}]

        (second,) = await talk.play([*history, talk.user("Write something else")])

        assert talk.calls(second)[0]["input"]["file_path"] == "/workspace/fibonacci.py"
        assert talk.text(second).startswith("Still the practice model, not a real one")

    async def test_takes_no_reminder_for_a_prompt(self) -> None:
        first, *_ = await talk.play([talk.user("Write primes"), talk.harness()])
        reminder = {"role": "user", "content": "<system-reminder>\nplan\n</system-reminder>"}
        said = {"role": "assistant", "content": first["content"]}
        messages = [talk.user("Write primes"), talk.harness(), said, talk.result(talk.calls(first)[0], "ok"), reminder]

        answer = await talk.answer(talk.request(*messages))

        assert talk.calls(answer)[0]["input"]["file_path"] == "/workspace/test_primes.py"

    async def test_never_goes_on_for_ever(self) -> None:
        turn = [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]}]

        answer = await talk.answer(talk.request(talk.user("Write primes"), *turn * 40))

        assert not talk.calls(answer)


class TestOtherRoutines:
    async def test_plan_that_is_refused_changes_nothing(self) -> None:
        messages = [talk.user("Write primes"), talk.harness(), talk.harness(talk.PLANNING)]

        answers = await talk.play(messages, OK, ("Think again.", True))

        assert [talk.calls(answer)[0]["name"] for answer in answers[:2]] == ["Write", "ExitPlanMode"]
        assert "Think again." in talk.text(answers[2])
        assert not talk.calls(answers[2])

    async def test_question_that_is_dismissed_ends_the_turn(self) -> None:
        answers = await talk.play([talk.user("Ask me")], ("dismissed", True))

        assert "dismissed" in talk.text(answers[1])
        assert not talk.calls(answers[1])

    async def test_answer_to_the_question_is_used(self) -> None:
        said = f'Your questions have been answered: "{routines._QUESTION}"="Palindromes".'

        answers = await talk.play([talk.user("Ask me"), talk.harness()], (said, False))

        assert talk.calls(answers[1])[0]["input"]["file_path"] == "/workspace/palindromes.py"

    async def test_report_of_the_sub_agent_is_handed_on(self) -> None:
        report = "[Subagent hand-back] … The report follows:\n  Seven files.\nagentId: a1 (use SendMessage)"

        answers = await talk.play([talk.user("Use a sub-agent")], (report, False))

        assert "It says: Seven files." in talk.text(answers[1])
        assert "agentId" not in talk.text(answers[1])

    async def test_bug_that_it_does_not_know_is_not_touched(self) -> None:
        failed = ("Exit code 1\nFAILED (failures=1)", True)

        answers = await talk.play(
            [talk.user("Fix the bug"), talk.harness()], ("app.py\ntest_app.py", False), failed, ("print('hi')", False)
        )

        assert [talk.calls(answer)[0]["name"] for answer in answers[:3]] == ["Bash", "Bash", "Read"]
        assert "do not know this bug" in talk.text(answers[3])

    async def test_project_whose_tests_pass_is_left_alone(self) -> None:
        answers = await talk.play([talk.user("Fix the bug"), talk.harness()], ("app.py\ntest_app.py", False), PASSED)

        assert talk.text(answers[2]).startswith("The tests passed")
        assert not talk.calls(answers[2])

    def test_bug_of_the_sample_project_is_known(self) -> None:
        sample = Path(__file__).resolve().parents[3] / "projects" / "sample"
        sources = [file.read_text() for file in sample.glob("*.py") if not file.name.startswith("test")]

        assert any(wrong in source for source in sources for wrong, _ in repair.KNOWN_BUGS)


class TestPrograms:
    @pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda program: program.name)
    def test_passes_its_own_test(self, program: programs.Program, tmp_path: Path) -> None:
        (tmp_path / program.file).write_text(program.source)
        (tmp_path / program.test_file).write_text(program.test)

        run = subprocess.run(
            [sys.executable, "-B", "-m", "unittest"], cwd=tmp_path, capture_output=True, text=True, check=False
        )

        assert run.returncode == 0, run.stderr
        assert "Ran 0 tests" not in run.stderr
