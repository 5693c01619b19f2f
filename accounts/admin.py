"""People, roles, grants and tokens in the admin site. Everything is done by accounts.actions; here is only the form."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html

from accounts import actions, audit_admin, links, plant_admin, tokens
from accounts.actors import actor_of
from accounts.admin_rights import GrantAdmin, OnlyToRead
from accounts.models import ApiToken, Grant, Role, User
from accounts.permissions import Action
from accounts.placed_admin import name_by_path
from audit.models import AuditRecord
from plant.models import Area, ConfigRevision, Plant


class PeopleAdmin(GrantAdmin):
    """For administrators of the whole site. What an action refuses is shown, not raised."""

    action = Action.ADMINISTER
    category = "access"
    area_lookup: ClassVar[str | None] = None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._explained(
            request, lambda: super(PeopleAdmin, self).changeform_view(request, object_id, form_url, extra_context)
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._explained(request, lambda: super(PeopleAdmin, self).delete_view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._explained(request, lambda: super(PeopleAdmin, self).changelist_view(request, extra_context))

    def _explained(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return view()
        except actions.Refused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


@admin.register(User)
class UserAdmin(PeopleAdmin):
    list_display = ("username", "full_name", "is_active", "last_login", "rights")
    list_filter = ("is_active", "grants__role")
    search_fields = ("username", "full_name", "email")
    fields = ("username", "full_name", "email", "is_active", "last_login", "date_joined")
    readonly_fields = ("last_login", "date_joined")
    actions = ("give_link", "end_sessions", "unlock")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("grants__role", "grants__area")

    @admin.display(description="Rights")
    def rights(self, user: User) -> str:
        return ", ".join(f"{g.role} {'everywhere' if g.area is None else f'in {g.area}'}" for g in user.grants.all())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields if obj else ("username", "full_name", "email")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are switched off, never deleted: what they have done must keep its person."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = actor_of(request)
        if change:
            actions.change_user(actor, obj, {name: form.cleaned_data[name] for name in form.changed_data})
            return
        made = actions.create_user(actor, obj.username, obj.full_name, obj.email)
        obj.pk, obj.uuid, obj._state.adding = made.pk, made.uuid, False
        self._tell_link(request, made)

    def _tell_link(self, request: HttpRequest, user: User) -> None:
        address = links.make_link(actor_of(request), user)
        text = format_html(
            'Give {who} this <a href="{link}">link</a> within 24 hours: <code>{link}</code> '
            "It works once and lets {who} choose a password.",
            who=user,
            link=address,
        )
        self.message_user(request, text, messages.WARNING)

    @admin.action(description="Give a one-time link to choose a password")
    def give_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            self._tell_link(request, user)

    @admin.action(description="End all sessions")
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            actions.end_sessions(actor_of(request), user)
            self.message_user(request, f"Every session of {user} has ended.")

    @admin.action(description="Unlock after failed logins")
    def unlock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            forgotten = actions.unlock(actor_of(request), user)
            self.message_user(request, f"{user} can log in again; {forgotten} failed logins are forgotten.")


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    actions = forms.MultipleChoiceField(
        choices=[(action.value, action.value) for action in Action],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Role
        fields = ("name", "title", "actions")


@admin.register(Role)
class RoleAdmin(PeopleAdmin):
    form = RoleForm
    list_display = ("title", "name", "allows")

    @admin.display(description="Allows")
    def allows(self, role: Role) -> str:
        return ", ".join(role.actions)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actions.save_role(actor_of(request), _person(request), obj)

    def remove(self, request: HttpRequest, obj: Any) -> None:
        actions.delete_role(actor_of(request), _person(request), obj)


class GrantForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    by: ClassVar[User | None] = None

    class Meta:
        model = Grant
        fields = ("user", "role", "area")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        role = cleaned.get("role")
        if role is not None and "area" in cleaned:
            try:
                actions.check_may_grant(self.by, role, cleaned["area"])
            except actions.Refused as refusal:
                raise ValidationError({NON_FIELD_ERRORS: [str(refusal)]}) from refusal
        return cleaned


@admin.register(Grant)
class GrantsAdmin(PeopleAdmin):
    """Also for administrators of an area, there. A grant is given and taken away, never changed into another."""

    form = GrantForm
    area_lookup = "area"
    list_display = ("user", "role", "area")
    list_filter = (("role", admin.RelatedOnlyFieldListFilter), ("area", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__username", "user__full_name")
    list_select_related = ("user", "role", "area")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"by": _person(request)})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_active=True)
        elif db_field.name == "role":
            kwargs["queryset"] = Role.objects.all()
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "area":
            field.empty_label = "everywhere"
            name_by_path(field, request)
        return field

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return bool(self.allowed(request))
        try:
            actions.check_may_grant(_person(request), obj.role, obj.area)
        except actions.Refused:
            return False
        return True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made = actions.grant(actor_of(request), _person(request), obj.user, obj.role, obj.area)
        obj.pk, obj._state.adding = made.pk, False

    def remove(self, request: HttpRequest, obj: Any) -> None:
        actions.revoke_grant(actor_of(request), _person(request), obj)


@admin.register(ApiToken)
class ApiTokenAdmin(OnlyToRead, PeopleAdmin):
    """Keys are seen and revoked here. The key itself was shown once, when it was made."""

    list_display = ("name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = (("user", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)
    fields = list_display
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            if tokens.revoke_token(actor_of(request), token):
                self.message_user(request, f"{token} works no more.")


def _person(request: HttpRequest) -> User:
    """Whoever is logged in; the admin site lets nobody else come here."""
    if not isinstance(request.user, User):
        raise actions.Refused("Log in first.")
    return request.user


admin.site.register(AuditRecord, audit_admin.AuditAdmin)
admin.site.register(Plant, plant_admin.PlantAdmin)
admin.site.register(Area, plant_admin.AreaAdmin)
admin.site.register(ConfigRevision, plant_admin.RevisionAdmin)
admin.site.unregister(Group)  # rights are grants; Django's groups mean nothing here
for _model in apps.get_app_config("account").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)  # allauth's mail addresses
