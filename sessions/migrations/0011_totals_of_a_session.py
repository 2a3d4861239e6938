from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def count_files(apps, schema_editor):
    """What the newest checkpoint of each session says; tokens are counted at the end of its next turn."""
    sessions = apps.get_model('agent_sessions', 'AgentSession').objects
    newest = apps.get_model('agent_sessions', 'Checkpoint').objects.filter(session=OuterRef('pk')).order_by('-created_at', '-pk')
    changed = sessions.filter(checkpoints__isnull=False)
    changed.update(files_changed=Subquery(newest.values('files_changed')[:1]))


class Migration(migrations.Migration):

    dependencies = [
        ('agent_sessions', '0010_home_of_a_session'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentsession',
            name='files_changed',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='agentsession',
            name='input_tokens',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='agentsession',
            name='output_tokens',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.RunPython(count_files, migrations.RunPython.noop),
    ]
