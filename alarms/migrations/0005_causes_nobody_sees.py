"""Why an alarm is suppressed, and why not. Of rows that stand the engine tells it anew at its next start."""

from django.db import migrations, models

EVENTS = [
    ("alarm", "alarm"), ("return", "returned to normal"), ("ack", "acknowledged"), ("reset", "reset"),
    ("realarm", "alarmed again"), ("shelve", "shelved"), ("unshelve", "unshelved"),
    ("suppress", "suppressed by design"), ("unsuppress", "no longer suppressed"),
    ("cause_muted", "not suppressed, as nobody sees its cause"), ("out_of_service", "taken out of service"),
    ("in_service", "back in service"), ("changed", "definition changed"),
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("alarms", "0004_alarm_targets"),
    ]

    operations = [
        migrations.AddField(
            model_name="alarmstate",
            name="suppressed_by_causes",
            field=models.BooleanField(default=False, help_text="The rule rests on active alarms alone."),
        ),
        migrations.AddField(
            model_name="alarmstate",
            name="bared",
            field=models.CharField(
                blank=True, help_text="Why the rule is not in effect: nobody sees any of those alarms.", max_length=300
            ),
        ),
        migrations.AlterField(
            model_name="journalentry",
            name="event",
            field=models.CharField(choices=EVENTS, max_length=16),
        ),
    ]
