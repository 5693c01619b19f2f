from django.db import migrations

ADDED = {
    "operator": ["enter"],
    "supervisor": ["enter", "substitute", "take_out_of_use"],
    "maintenance": ["enter", "substitute", "take_out_of_use"],
    "engineer": ["enter", "substitute", "take_out_of_use"],
}


def add_actions(apps, schema_editor):
    """Roles that a site has changed keep what they have and learn the new actions of the standard role."""
    role = apps.get_model("accounts", "Role")
    for row in role.objects.filter(name__in=ADDED):
        row.actions = [*row.actions, *(action for action in ADDED[row.name] if action not in row.actions)]
        row.save(update_fields=["actions"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_seed_roles")]
    operations = [migrations.RunPython(add_actions, migrations.RunPython.noop)]
