"""What can be done with people, roles, grants and tokens. Each action is checked, recorded and announced, or nothing.

`by` is the person who asks; None is the operator of the machine (a command), who may do everything here.
"""

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import models, transaction

from accounts import lockout
from accounts.models import Grant, Role, User
from accounts.permissions import Action, may
from audit.actions import Actor, Subject, record
from audit.rows import as_row, changed
from plant import revisions
from plant.models import Area


class Refused(Exception):
    """It may not be done; the text says why and what to do. Trying again changes nothing."""


LAST_ADMINISTRATOR = (
    "This would leave nobody who can administer people everywhere. Make somebody else an administrator first."
)


def subject_of(obj: models.Model) -> Subject:
    return Subject(obj._meta.label_lower, str(getattr(obj, "uuid", obj.pk)), str(obj))


def note(
    actor: Actor, event: str, obj: models.Model, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> None:
    """Record a change of rights and raise the revision: every process asks for the rights of that revision."""
    record("access", event, actor, subject=subject_of(obj), old=old, new=new)
    revisions.bump(actor.name, f"{event} {obj}")


# -- people


def create_user(actor: Actor, username: str, full_name: str = "", email: str = "") -> User:
    """A person without password: a one-time link (accounts/links.py) lets the person choose one."""
    with transaction.atomic():
        user = User(username=username, full_name=full_name, email=email)
        user.set_unusable_password()
        user.full_clean()
        user.save()
        note(actor, "user.created", user, None, as_row(user))
    return user


def change_user(actor: Actor, user: User, fields: Mapping[str, Any]) -> None:
    """Change name, address or `is_active`. Switching off ends every session of the person at once."""
    with _guarding_administrators():
        stored = User.objects.select_for_update().get(pk=user.pk)
        before = as_row(stored)
        for name, value in fields.items():
            setattr(stored, name, value)
        if before["is_active"] and not stored.is_active:
            stored.session_generation += 1
        stored.full_clean()
        old, new = changed(before, as_row(stored))
        if new:
            stored.save()
            note(actor, _event_of(new), stored, old, new)
    user.refresh_from_db()


def _event_of(new: Mapping[str, Any]) -> str:
    if "is_active" in new:
        return "user.reactivated" if new["is_active"] else "user.deactivated"
    return "user.changed"


def end_sessions(actor: Actor, user: User) -> None:
    """End every session and socket of the person; logging in again is possible."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(session_generation=models.F("session_generation") + 1)
        user.refresh_from_db()
        note(actor, "user.sessions_ended", user, None, None)


def unlock(actor: Actor, user: User) -> int:
    """Forget the failed logins of a name at every address. Returns how many there were."""
    with transaction.atomic():
        forgotten = lockout.release(user.username)
        record("access", "user.unlocked", actor, subject=subject_of(user), new={"failures": forgotten})
    return forgotten


def change_own_password(actor: Actor, user: User, password: str) -> None:
    """Set a password that the form has checked. Every other session of the person ends."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        record("access", "password.change", actor, subject=subject_of(user))


# -- grants and roles


def grant(actor: Actor, by: User | None, user: User, role: Role, area: Area | None) -> Grant:
    with transaction.atomic():
        check_may_grant(by, role, area)
        made = Grant(user=user, role=role, area=area)
        made.full_clean()
        made.save()
        note(actor, "grant.created", made, None, as_row(made))
    return made


def revoke_grant(actor: Actor, by: User | None, taken: Grant) -> None:
    with _guarding_administrators():
        check_may_grant(by, taken.role, taken.area)
        note(actor, "grant.deleted", taken, as_row(taken), None)
        taken.delete()


def check_may_grant(by: User | None, role: Role, area: Area | None) -> None:
    """An administrator of the whole site may share out everything; one of an area, there, what they have there.

    Raises Refused.
    """
    if by is None or may(by, Action.ADMINISTER, None):
        return
    where = "everywhere" if area is None else f"in {area}"
    if not may(by, Action.ADMINISTER, area):
        raise Refused(f"You may not share out rights {where}. Ask an administrator of the whole site.")
    missing = [name for name in role.actions if name not in set(Action) or not may(by, Action(name), area)]
    if missing:
        raise Refused(f"{role} allows {', '.join(missing)}, which you do not have {where}: you cannot grant it.")


def save_role(actor: Actor, by: User | None, role: Role) -> None:
    """Add or change a role. Only for administrators of the whole site: a role counts wherever it is granted."""
    _check_whole_site(by)
    with _guarding_administrators():
        stored = Role.objects.select_for_update().filter(pk=role.pk).first()
        before = as_row(stored) if stored else None
        role.full_clean()
        role.save()
        old, new = changed(before or {}, as_row(role))
        if new:
            note(actor, "role.changed" if before else "role.created", role, old if before else None, new)


def delete_role(actor: Actor, by: User | None, role: Role) -> None:
    """Delete a role that nobody has. Raises Refused while somebody has it."""
    _check_whole_site(by)
    with transaction.atomic():
        if role.grants.exists():
            raise Refused(f"{role} is granted to people. Take those grants away first.")
        note(actor, "role.deleted", role, as_row(role), None)
        role.delete()


def _check_whole_site(by: User | None) -> None:
    if by is not None and not may(by, Action.ADMINISTER, None):
        raise Refused("Only an administrator of the whole site may do this.")


# -- somebody must remain


def administrators() -> "models.QuerySet[User]":
    """Active people who may administer everywhere."""
    roles = [role.pk for role in Role.objects.all() if Action.ADMINISTER.value in role.actions]
    holders: Iterable[int] = Grant.objects.filter(area=None, role__in=roles).values_list("user_id", flat=True)
    return User.objects.filter(is_active=True, pk__in=list(holders))


@contextmanager
def _guarding_administrators() -> Any:
    """A transaction that ends with an administrator if it began with one; two at once wait for each other.

    Raises Refused and undoes everything otherwise.
    """
    with transaction.atomic():
        revisions.lock()
        before = administrators().exists()
        yield
        if before and not administrators().exists():
            raise Refused(LAST_ADMINISTRATOR)
