from django.db import migrations

# Procrastinate tells its workers of new jobs. That one may go on is told by the same notice: the job before it has
# given the lock back (also where no job waits for it yet: who looked would miss one that is stored at this moment),
# or it was handed back itself.
FORWARDS = """
create function slipway_wake_workers() returns trigger language plpgsql as $$
begin
    perform pg_notify(
        'procrastinate_any_queue_v1', json_build_object('type', 'job_inserted', 'job_id', new.id)::text
    );
    return null;
end;
$$;
create trigger slipway_jobs_wake_workers after update of status on procrastinate_jobs for each row
    when (
        old.status is distinct from new.status
        and new.status <> 'doing' and (new.status = 'todo' or new.lock is not null)
    )
    execute function slipway_wake_workers();
"""
BACKWARDS = """
drop trigger slipway_jobs_wake_workers on procrastinate_jobs;
drop function slipway_wake_workers();
"""


class Migration(migrations.Migration):
    dependencies = [("config", "0001_error_reports"), ("procrastinate", "0041_post_retry_failed_job")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
