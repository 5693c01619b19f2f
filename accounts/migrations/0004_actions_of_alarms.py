from django.db import migrations

_ALARMS = ["acknowledge", "shelve", "silence", "reset"]
ADDED = {
    "operator": _ALARMS,
    "supervisor": [*_ALARMS, "suppress"],
    "maintenance": [*_ALARMS, "suppress"],
    "engineer": [*_ALARMS, "suppress", "configure_alarms"],
}


def add_actions(apps, schema_editor):
    """Roles that a site has changed keep what they have and learn the new actions of the standard role."""
    role = apps.get_model("accounts", "Role")
    for row in role.objects.filter(name__in=ADDED):
        row.actions = [*row.actions, *(action for action in ADDED[row.name] if action not in row.actions)]
        row.save(update_fields=["actions"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_actions_in_operation")]
    operations = [migrations.RunPython(add_actions, migrations.RunPython.noop)]
