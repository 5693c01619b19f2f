from django.db import migrations

from alarms.standard_classes import STANDARD_CLASSES, identity_of


def seed_classes(apps, schema_editor):
    group = apps.get_model("alarms", "AlarmClass")
    for name, fields in STANDARD_CLASSES.items():
        if not group.objects.filter(name__iexact=name).exists():
            group.objects.create(name=name, uuid=identity_of(name), **fields)


class Migration(migrations.Migration):
    dependencies = [("alarms", "0001_alarms")]
    operations = [
        migrations.AlterModelOptions(
            name="alarminput",
            options={
                "ordering": ["name"],
                "verbose_name": "use in an alarm",
                "verbose_name_plural": "uses in alarms",
            },
        ),
        migrations.RunPython(seed_classes, migrations.RunPython.noop),
    ]
