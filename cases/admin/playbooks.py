"""The workshop's pages of playbooks: written step by step, checked, compared, submitted, published, printed."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cases import forms_playbooks as forms
from cases import playbook_checks, playbook_content, playbook_drafts, playbook_figures, playbook_print
from cases import playbook_versions as rules
from cases.cases import Conflict
from cases.models import Playbook, PlaybookVersion
from portal.access import allowed
from portal.workshop import WorkshopAdmin

MOVES = {"up": -1, "down": 1}


@admin.register(Playbook)
class PlaybookAdmin(WorkshopAdmin):
    works, adds = "playbooks.edit", True
    list_display = ("title", "code", "active", "write", "figures")
    list_filter = ("active", "reasons__family")
    search_fields = ("title", "code")
    filter_horizontal = ("reasons",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code", "title", "reasons", "active")

    @admin.display(description=gettext_lazy("Versions"))
    def write(self, playbook: Playbook) -> str:
        address = reverse("admin:cases_playbookversion_changelist") + f"?playbook__id__exact={playbook.pk}"
        return format_html('<a href="{}">{}</a>', address, _("Versions"))

    @admin.display(description=gettext_lazy("Figures"))
    def figures(self, playbook: Playbook) -> str:
        address = reverse("admin:cases_playbook_figures", args=[playbook.pk])
        return format_html('<a href="{}">{}</a>', address, _("Figures"))

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [
            path("<int:pk>/figures/", site(self.figures_view), name="cases_playbook_figures"),
            path("<int:pk>/draft/", site(require_POST(self.draft_view)), name="cases_playbook_draft"),
            *super().get_urls(),
        ]

    def figures_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied(self.sees)
        playbook = get_object_or_404(Playbook, pk=pk)
        shown = {
            "title": _("%(title)s: figures") % {"title": playbook.title},
            "versions": playbook_figures.of(request.user, playbook),
            "opts": self.model._meta,
        }
        return render(
            request, "admin/playbooks/figures.html", {**self.admin_site.each_context(request), **shown}
        )

    def draft_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        draft = rules.draft(request.user, playbook=get_object_or_404(Playbook, pk=pk))
        return HttpResponseRedirect(reverse("admin:cases_playbookversion_edit", args=[draft.pk]))


@admin.register(PlaybookVersion)
class PlaybookVersionAdmin(WorkshopAdmin):
    """Versions are changed by their rules alone: the plain form of the admin only shows them."""

    belongs_to = "playbooks.edit"
    list_display = ("playbook", "number", "state", "effective_from", "note", "opens")
    list_filter = ("state", "playbook")
    list_select_related = ("playbook",)
    search_fields = ("playbook__title", "playbook__code", "note")

    @admin.display(description=gettext_lazy("Open"))
    def opens(self, version: PlaybookVersion) -> str:
        return format_html('<a href="{}">{}</a>', self._at("edit", version), _("Open"))

    def get_urls(self) -> list[Any]:
        site, name = self.admin_site.admin_view, "cases_playbookversion"
        pages: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:pk>/edit/", self.edit, "edit"),
            ("<int:pk>/steps/new/", self.step, "step_new"),
            ("<int:pk>/steps/<slug:code>/", self.step, "step"),
            ("<int:pk>/steps/<slug:code>/<slug:verb>/", require_POST(self.arrange), "arrange"),
            ("<int:pk>/json/", self.as_json, "json"),
            ("<int:pk>/import/", self.import_json, "import"),
            ("<int:pk>/preview/", self.preview, "preview"),
            ("<int:pk>/diff/", self.diff, "diff"),
            ("<int:pk>/print/", self.print_pdf, "print"),
            ("<int:pk>/forward/<slug:verb>/", require_POST(self.forward), "forward"),
        ]
        own = [path(route, site(view), name=f"{name}_{suffix}") for route, view, suffix in pages]
        return [*own, *super().get_urls()]

    # --- pages -------------------------------------------------------------------------------------
    def edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The head, the fields and the escalation; the steps as a list of links."""
        version = self._version(request, pk)
        raw, data = version.content, request.POST or None
        header = forms.HeaderForm(
            data,
            steps=forms.steps_of(raw),
            initial=forms.HeaderForm.begin(raw) | {"revision": version.revision},
        )
        fields = self._rows(forms.FieldForm, data, "fields", raw.get("fields", []))
        calls = self._rows(forms.EscalationForm, data, "escalation", raw.get("escalation", []))
        if request.method == "POST" and header.is_valid() and fields.is_valid() and calls.is_valid():
            content = playbook_drafts.with_header(
                raw, header.content(), forms.kept(fields), forms.kept(calls)
            )
            if self._saved(request, version, header.cleaned_data["revision"], content, header):
                return HttpResponseRedirect(self._at("edit", version))
        shown = {
            "header": header,
            "formsets": [(_("What to collect"), fields), (_("Whom to call"), calls)],
            "steps": raw.get("steps", []),
            "problems": playbook_checks.of(raw),
            "moves": [("up", _("Up")), ("down", _("Down")), ("delete", _("Delete"))],
            "submit_form": forms.SubmitForm(initial={"revision": version.revision}),
            "publish_form": forms.PublishForm(initial={"revision": version.revision}),
        }
        return self._page(request, version, "edit", shown, version.name)

    def step(self, request: HttpRequest, pk: int, code: str = "") -> HttpResponse:
        version = self._version(request, pk)
        raw, data = version.content, request.POST or None
        known = playbook_drafts.step_of(raw, code)
        if code and known is None:
            raise Http404
        begin = forms.StepForm.begin(known or {}) | {"revision": version.revision}
        form = forms.StepForm(data, raw=raw, initial=begin)
        branches = self._rows(forms.BranchForm, data, "branches", (known or {}).get("branches", []), raw=raw)
        if request.method == "POST" and form.is_valid() and branches.is_valid():
            code = code or playbook_drafts.new_code(raw, form.cleaned_data["title"])
            made = form.content(code) | {"branches": forms.kept(branches)}
            content = playbook_drafts.with_step(raw, made)
            if self._saved(request, version, form.cleaned_data["revision"], content, form):
                return HttpResponseRedirect(self._at("edit", version))
        title = known["title"] if known else _("New step")
        wrong = [problem for problem in playbook_checks.of(raw) if code and problem.step == code]
        shown = {"form": form, "branches": branches, "problems": wrong}
        return self._page(request, version, "step", shown, title)

    def arrange(self, request: HttpRequest, pk: int, code: str, verb: str) -> HttpResponse:
        """A step up, down or away."""
        version = self._version(request, pk)
        try:
            if verb == "delete":
                content = playbook_drafts.without_step(version.content, code)
            else:
                content = playbook_drafts.moved(version.content, code, MOVES.get(verb, 0))
            revision = int(request.POST.get("revision", "0") or 0)
            rules.write(request.user, version=version, revision=revision, content=content)
        except (ValidationError, Conflict, ValueError) as error:
            self.message_user(request, _why(error), messages.ERROR)
        return HttpResponseRedirect(self._at("edit", version))

    def as_json(self, request: HttpRequest, pk: int) -> HttpResponse:
        version = self._version(request, pk)
        text = json.dumps(version.content, indent=1, ensure_ascii=False)
        return _file(
            text.encode(), "application/json", f"{version.playbook.code}-{version.number}.json", as_file=True
        )

    def import_json(self, request: HttpRequest, pk: int) -> HttpResponse:
        version = self._version(request, pk)
        form = forms.JsonForm(
            request.POST or None, request.FILES or None, initial={"revision": version.revision}
        )
        if request.method == "POST" and form.is_valid():
            try:
                content = rules.read_json(form.json())
            except ValidationError as error:
                form.add_error(None, error)
            else:
                if self._saved(request, version, form.cleaned_data["revision"], content, form):
                    return HttpResponseRedirect(self._at("edit", version))
        return self._page(request, version, "import", {"form": form}, _("Import"))

    def preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Every step as an agent would read it, on one channel and in one language."""
        version = self._version(request, pk)
        channel, language = request.GET.get("channel", "phone"), request.GET.get("language", "en")
        shown: dict[str, Any] = {"channel": channel, "language": language, "steps": []}
        if not playbook_checks.shape(version.content):
            content = playbook_content.read(version.content)
            shown["steps"] = [(one, content.script(one, channel, language)) for one in content.steps.values()]
        shown |= {"channels": playbook_content.CHANNELS, "languages": playbook_content.LANGUAGES}
        return self._page(request, version, "preview", shown, _("Preview"))

    def diff(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Against the version before, or the one of ``?with=``."""
        version = self._version(request, pk)
        others = version.playbook.versions.exclude(pk=version.pk).order_by("-number")
        asked = request.GET.get("with", "")
        older = (
            others.filter(number=int(asked))
            if asked.isdecimal()
            else others.filter(number__lt=version.number)
        )
        other = older.first()
        lines = rules.differences(other, version) if other else []
        shown = {"lines": lines, "other": other, "others": others}
        return self._page(request, version, "diff", shown, _("Changes"))

    def print_pdf(self, request: HttpRequest, pk: int) -> HttpResponse:
        version = self._version(request, pk)
        language = "es" if request.GET.get("language") == "es" else "en"
        try:
            made = playbook_print.pdf(request.user, version=version, language=language)
        except (ValidationError, KeyError, TypeError) as error:
            self.message_user(request, _why(error), messages.ERROR)
            return HttpResponseRedirect(self._at("edit", version))
        return _file(made, "application/pdf", f"{version.playbook.code}-{version.number}.pdf")

    def forward(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """Submit, send back, publish, withdraw."""
        version = self._version(request, pk)
        form = {"submit": forms.SubmitForm, "publish": forms.PublishForm}.get(verb, forms.RevisedForm)(
            request.POST
        )
        rule = {
            "submit": rules.submit,
            "send-back": rules.send_back,
            "publish": rules.publish,
            "withdraw": rules.withdraw,
        }.get(verb)
        if rule is None:
            raise Http404
        try:
            if not form.is_valid():
                raise ValidationError([str(word) for words in form.errors.values() for word in words])
            rule(request.user, version=version, **form.cleaned_data)  # type: ignore[operator]
        except (ValidationError, Conflict) as error:
            self.message_user(request, _why(error), messages.ERROR)
        else:
            version.refresh_from_db()
            done = _("%(version)s: %(state)s") % {
                "version": version.name,
                "state": version.get_state_display(),
            }
            self.message_user(request, done)
        return HttpResponseRedirect(self._at("edit", version))

    # --- underneath --------------------------------------------------------------------------------
    def _version(self, request: HttpRequest, pk: int) -> PlaybookVersion:
        if not self.has_view_permission(request):
            raise PermissionDenied(self.sees)
        if request.method == "POST" and not allowed(request.user, "playbooks.edit"):
            raise PermissionDenied("playbooks.edit")
        found: PlaybookVersion = get_object_or_404(PlaybookVersion.objects.select_related("playbook"), pk=pk)
        return found

    def _saved(
        self, request: HttpRequest, version: PlaybookVersion, revision: int, content: Any, form: Any
    ) -> bool:
        """Whether the rule took it; else its words stand in the form, with all that was typed."""
        try:
            rules.write(request.user, version=version, revision=revision, content=content)
        except (ValidationError, Conflict) as error:
            form.add_error(None, _why(error))
            return False
        self.message_user(request, _("Saved."))
        return True

    def _rows(self, form: Any, data: Any, prefix: str, begin: list[Any], **kwargs: Any) -> Any:
        initial = [form.begin(one) for one in begin]
        return forms.rows(form)(data, prefix=prefix, initial=initial, form_kwargs=kwargs)

    def _at(self, page: str, version: PlaybookVersion) -> str:
        return reverse(f"admin:cases_playbookversion_{page}", args=[version.pk])

    def _page(
        self, request: HttpRequest, version: PlaybookVersion, page: str, shown: dict[str, Any], title: str
    ) -> HttpResponse:
        writes = allowed(request.user, "playbooks.edit")
        common = {
            "title": title,
            "opts": self.model._meta,
            "version": version,
            "may_edit": writes and version.state == "draft",
            "may_send_back": writes and version.state == "review",
            "may_publish": allowed(request.user, "playbooks.publish") and version.state == "review",
            "may_withdraw": allowed(request.user, "playbooks.publish") and version.state == "published",
            "may_draft": writes,
        }
        context = {**self.admin_site.each_context(request), **common, **shown}
        return render(request, f"admin/playbooks/{page}.html", context)


def _why(error: Exception) -> str:
    if isinstance(error, Conflict):
        who = error.by or _("Somebody")
        return _("%(who)s has changed this draft meanwhile. Open it again beside this page.") % {"who": who}
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def _file(body: bytes, content_type: str, name: str, *, as_file: bool = False) -> HttpResponse:
    kind = "attachment" if as_file else "inline"
    return HttpResponse(
        body, content_type=content_type, headers={"Content-Disposition": f'{kind}; filename="{name}"'}
    )
