"""The worker against a real database that goes away, and beside workers that died."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.config.deployment import Deployment, eventually

NO_REDIS = "redis://127.0.0.1:1"  # doorbells that never ring: readers look by themselves
TASK = "builtin:procrastinate.builtin_tasks.remove_old_jobs"


@pytest.fixture
def deployment(deployment: Deployment) -> Iterator[Deployment]:
    yield deployment
    deployment.stop_processes()
    deployment.query("truncate procrastinate_jobs, procrastinate_workers cascade")


def defer(deployment: Deployment) -> int:
    statement = "insert into procrastinate_jobs (queue_name, task_name, args) values ('builtin', %s, %s) returning id"
    return int(deployment.query(statement, TASK, '{"max_hours": 1000}')[0][0])


def status(deployment: Deployment, job: int) -> str:
    rows = deployment.query("select status::text from procrastinate_jobs where id = %s", job)
    return str(rows[0][0]) if rows else "gone"


def defer_to_silent_worker(deployment: Deployment, silent_for: str) -> int:
    job = defer(deployment)
    statement = "insert into procrastinate_workers (last_heartbeat) values (now() - %s::interval) returning id"
    worker = deployment.query(statement, silent_for)[0][0]
    deployment.query("update procrastinate_jobs set status = 'doing', worker_id = %s where id = %s", worker, job)
    return job


class TestOutage:
    @pytest.mark.parametrize("seconds", [1, 8])
    def test_does_not_end_the_worker(self, deployment: Deployment, seconds: int) -> None:
        process = deployment.serve("--no-web")
        before = defer(deployment)
        assert eventually(lambda: status(deployment, before) == "succeeded")

        deployment.stop_database()
        time.sleep(seconds)
        deployment.start_database()

        after = defer(deployment)
        assert eventually(lambda: status(deployment, after) == "succeeded", 40), deployment.logs()
        assert process.poll() is None

    def test_lets_the_worker_stop_meanwhile(self, deployment: Deployment) -> None:
        process = deployment.serve("--no-web")
        deployment.stop_database()
        try:
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            deployment.start_database()


class TestRescue:
    def test_takes_the_jobs_of_a_silent_worker(self, deployment: Deployment) -> None:
        job = defer_to_silent_worker(deployment, "60 seconds")
        deployment.serve("--no-web")
        assert eventually(lambda: status(deployment, job) == "succeeded"), deployment.logs()

    def test_takes_all_jobs_at_once_where_there_is_one_process_only(self, deployment: Deployment) -> None:
        job = defer_to_silent_worker(deployment, "0 seconds")
        deployment.serve("--no-web")
        assert eventually(lambda: status(deployment, job) == "succeeded", 10), deployment.logs()

    def test_leaves_the_jobs_of_a_living_worker_where_there_may_be_several(self, deployment: Deployment) -> None:
        job = defer_to_silent_worker(deployment, "0 seconds")
        deployment.serve("--no-web", REDIS_URL=NO_REDIS)
        other = defer(deployment)
        assert eventually(lambda: status(deployment, other) == "succeeded")
        time.sleep(1)
        assert status(deployment, job) == "doing"


class TestPruning:
    def test_removes_jobs_that_ended_days_ago_and_no_younger_ones(self, deployment: Deployment) -> None:
        old, young = defer(deployment), defer(deployment)
        for job, age in ((old, "100 hours"), (young, "1 hour")):
            deployment.query("update procrastinate_jobs set status = 'failed' where id = %s", job)
            deployment.query("update procrastinate_events set at = now() - %s::interval where job_id = %s", age, job)
        deployment.serve("--no-web")

        assert eventually(lambda: status(deployment, old) == "gone"), deployment.logs()
        assert status(deployment, young) == "failed"


class TestStopping:
    def test_leaves_no_worker_row_behind(self, deployment: Deployment) -> None:
        process = deployment.serve("--no-web")
        assert eventually(lambda: deployment.query("select count(*) from procrastinate_workers") == [(1,)])
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
        assert deployment.query("select count(*) from procrastinate_workers") == [(0,)]
