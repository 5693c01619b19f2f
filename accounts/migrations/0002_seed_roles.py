from django.db import migrations

from accounts.standard_roles import STANDARD_ROLES


def seed_roles(apps, schema_editor):
    role = apps.get_model("accounts", "Role")
    for name, title, actions in STANDARD_ROLES:
        role.objects.get_or_create(name=name, defaults={"title": title, "actions": actions})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_people_roles_and_grants")]
    operations = [migrations.RunPython(seed_roles, migrations.RunPython.noop)]
