from django.db import migrations

from historian.standard_classes import STANDARD_CLASSES, identity_of


def seed_classes(apps, schema_editor):
    group = apps.get_model("historian", "RetentionClass")
    for name, fields in STANDARD_CLASSES.items():
        if not group.objects.filter(name__iexact=name).exists():
            group.objects.create(name=name, uuid=identity_of(name), **fields)


class Migration(migrations.Migration):
    dependencies = [("historian", "0001_recording")]
    operations = [migrations.RunPython(seed_classes, migrations.RunPython.noop)]
