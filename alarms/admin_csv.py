"""CSV on the pages of alarms in the admin site: export of those that are ticked, import for the whole plant."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.actors import actor_of
from accounts.admin_rights import GrantAdmin, areas_of_request
from accounts.permissions import Action
from accounts.placed_admin import only_plant
from alarms.admin_forms import LONGEST_WHY
from alarms.document.csv_exchange import Reader, export_csv
from alarms.muting import SHORTEST_REASON
from plant.document import transfer
from plant.document.problems import SHOWN, DocumentError
from plant.document.report import summary_of, text_of
from plant.document.source import MAX_BYTES
from plant.models import Plant

_LIST: Final = "admin:alarms_alarm_changelist"


class ImportForm(forms.Form):
    plant = forms.ModelChoiceField(Plant.objects.all())
    file = forms.FileField(label="CSV file")
    why = forms.CharField(
        required=False, max_length=LONGEST_WHY, help_text="The reason, for the records. Not needed to look first."
    )

    def clean(self) -> Any:
        cleaned = super().clean()
        if "import" in self.data and len(self.cleaned_data.get("why", "").strip()) < SHORTEST_REASON:
            self.add_error("why", "Say why: it stands in the records.")
        return cleaned


class CsvAdmin(GrantAdmin):
    @admin.action(description="Export as CSV", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        rows = [row for row in queryset.select_related("tag__area__plant") if row.tag is not None]
        if not all(self.has_change_permission(request, row) for row in rows):
            text = "Some of these look at tags outside of your areas, which the file would name. Leave them out."
            self.message_user(request, text, messages.ERROR)
            return None
        plants = {row.tag.area.plant for row in rows}
        if len(plants) != 1:
            self.message_user(request, "Choose alarms of one plant. Those of Isthmus itself stay here.", messages.ERROR)
            return None
        plant = plants.pop()
        answer = HttpResponse(
            export_csv(plant, {str(row.uuid) for row in rows}), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="{plant.name}-alarms.csv"'
        return answer

    # -- import: any row may name any alarm of the plant, so it asks for the right everywhere

    def may_import(self, request: HttpRequest) -> bool:
        return areas_of_request(request, Action.CONFIGURE_ALARMS).everywhere

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "may_import": self.may_import(request)})

    def get_urls(self) -> list[URLPattern]:
        own = path("import/", self.admin_site.admin_view(self.import_view), name="alarms_alarm_import")
        return [own, *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may_import(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None, initial=only_plant())
        shown: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            try:
                shown = self._bring(request, form.cleaned_data)
            except DocumentError as error:
                more = len(error.problems) - SHOWN
                shown = {"problems": [*error.problems[:SHOWN], *([f"... and {more:,} more."] if more > 0 else [])]}
            if not shown:
                return redirect(_LIST)
        context = {**self.admin_site.each_context(request), "title": "Import alarms", "form": form, **shown}
        return TemplateResponse(request, "admin/alarms/alarm/import.html", context)

    def _bring(self, request: HttpRequest, data: dict[str, Any]) -> dict[str, Any]:
        """What is to be shown; nothing after an import. Raises DocumentError."""
        content, name, read = data["file"].read(MAX_BYTES + 1), data["file"].name, Reader(data["plant"])
        if "import" not in request.POST:
            found = transfer.compare(content, name, read=read)
            summary = f"It would be: {summary_of(found.changes)}. Nothing was changed."
            return {"outcome": found, "summary": summary, "changes": text_of(found.changes)}
        done = transfer.import_document(content, name, actor_of(request), why=data["why"].strip(), read=read)
        self.message_user(request, f"{name}: {summary_of(done.changes)}.")
        for note in done.notes:
            self.message_user(request, note, messages.WARNING)
        return {}
