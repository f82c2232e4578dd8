"""The pieces every page is made of: icons, fields, cards, chips, dates and money as a person says them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django import template
from django.core.paginator import Page
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext
from lucide.templatetags.lucide import lucide

from config.business_day import zone_in_force

register = template.Library()

TONES = frozenset({"", "good", "warn", "bad", "info", "note"})
TONE_ICONS = {"good": "circle-check", "warn": "triangle-alert", "bad": "octagon-alert", "info": "info"}
MESSAGE_TONES = {"success": "good", "warning": "warn", "error": "bad"}


# --- icons -------------------------------------------------------------------------------------------
@lru_cache(maxsize=512)
def _drawn(name: str, size: str, label: str) -> SafeString:
    attrs: dict[str, Any] = {"class": f"icon icon-{size}" if size else "icon"}
    attrs |= {"role": "img", "aria-label": label} if label else {"aria-hidden": "true", "focusable": "false"}
    return SafeString(lucide(name, **attrs))


@register.simple_tag
def icon(name: str, *, size: str = "", label: str = "") -> SafeString:
    """A Lucide icon as inline SVG. Without ``label`` it is decoration. ``size``: ``s``, ``l`` or nothing."""
    return _drawn(str(name), str(size), str(label))


@register.simple_tag
def favicon(name: str) -> SafeString:
    """The same icon as an address that a ``link rel=icon`` takes."""
    drawn = lucide(name, xmlns="http://www.w3.org/2000/svg", stroke="#0b6075")
    return SafeString("data:image/svg+xml," + quote(drawn))


# --- forms -------------------------------------------------------------------------------------------
@register.simple_tag
def field(bound: BoundField, *, autocomplete: str = "", help: str = "", css: str = "") -> SafeString:
    """One form field with its label, its help and what is wrong with it."""
    attrs: dict[str, str | bool] = {
        key: value for key, value in (("autocomplete", autocomplete), ("class", css)) if value
    }
    widget = bound.field.widget
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        kind = "choices"
    else:
        kind = "check" if isinstance(widget, CheckboxInput) else "input"
    return render_to_string(
        "components/field.html",
        {
            "field": bound,
            "kind": kind,
            "widget": bound.as_widget(attrs=attrs),
            "help": help or bound.help_text,
            # A form may leave it to a rule to ask for what is missing.
            "optional": getattr(bound.field, "optional", not bound.field.required),
        },
    )


# --- blocks ------------------------------------------------------------------------------------------
@register.simple_block_tag(end_name="endcard")
def card(
    content: str, title: str = "", *, icon: str = "", href: str = "", more: str = "", flush: bool = False
) -> str:
    """A titled panel. ``flush``: its rows reach the edges. ``href`` and ``more``: a link at its foot."""
    shown = {"content": content, "title": title, "icon": icon, "href": href, "more": more, "flush": flush}
    return render_to_string("components/card.html", shown)


@register.simple_block_tag(end_name="endnotice")
def notice(content: str, tone: str = "info", *, title: str = "", live: bool = False) -> str:
    """A sentence set apart. ``live``: read aloud at once (an answer to what was just done)."""
    tone = MESSAGE_TONES.get(tone, tone)
    shown = {
        "content": content,
        "tone": tone,
        "title": title,
        "live": live,
        "icon": TONE_ICONS.get(tone, "info"),
    }
    return render_to_string("components/notice.html", shown)


@register.simple_block_tag(end_name="endempty")
def empty(content: str, title: str, *, icon: str = "inbox") -> str:
    """What stands where nothing is yet: what will be here, and what to do next."""
    return render_to_string("components/empty.html", {"content": content, "title": title, "icon": icon})


@register.simple_block_tag(end_name="enddialog")
def dialog(content: str, id: str, title: str) -> str:
    """A modal dialog. ``data-opens="<id>"`` on a button opens it, ``data-closes`` inside closes it."""
    return render_to_string("components/dialog.html", {"content": content, "id": id, "title": title})


@register.simple_tag
def chip(text: str, tone: str = "", *, icon: str = "") -> SafeString:
    if tone not in TONES:
        raise template.TemplateSyntaxError(f"No such tone: {tone!r}")
    drawn = _drawn(icon, "s", "") if icon else ""
    return format_html('<span class="chip {}">{}{}</span>', tone, drawn, text)


@register.simple_tag
def avatar(name: str) -> SafeString:
    """Initials in a circle; masked names (``J. D.``) give the same initials."""
    initials = "".join(word[0] for word in str(name).split()[:2]).upper() or "?"
    return format_html('<span class="avatar" aria-hidden="true">{}</span>', initials)


@register.inclusion_tag("components/progress.html")
def progress(value: int, most: int = 100, *, label: str, shown: str = "") -> dict[str, object]:
    """A bar with its words; ``shown`` stands at the right ("3 of 5")."""
    return {"value": value, "most": most, "label": label, "shown": shown}


@register.inclusion_tag("components/steps.html")
def steps(items: list[Mapping[str, Any]]) -> dict[str, object]:
    """Where something is. Each item: ``name``, ``state`` (done, now, held, todo), ``detail``, ``at``."""
    return {"items": items}


@register.inclusion_tag("components/pages.html", takes_context=True)
def pages(context: dict[str, Any], page: Page[Any]) -> dict[str, object]:
    """Earlier and later, with the rest of the query kept."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    return {"page": page, "query": query.urlencode()}


# --- where one is ------------------------------------------------------------------------------------
def _here(request: HttpRequest | None, address: str, exact: bool) -> str:
    path = getattr(request, "path", "")
    if path == address:
        return "page"
    return "true" if not exact and path.startswith(address) else ""


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(
    context: dict[str, Any], name: str, text: str, icon: str, *, exact: bool = False, count: int = 0
) -> dict[str, object]:
    """A link of a navigation list (an ``li``), marked where its page or one below it is open."""
    address = reverse(name)
    here = "page" if _here(context.get("request"), address, exact) else ""
    return {"href": address, "text": text, "icon": icon, "here": here, "count": count}


# --- as a person says it -----------------------------------------------------------------------------
def _zone(name: str) -> tzinfo:
    return ZoneInfo(name) if name else zone_in_force()


def _hour(moment: datetime) -> str:
    hour = moment.hour % 12 or 12
    half = gettext("am") if moment.hour < 12 else gettext("pm")
    return f"{hour}:{moment.minute:02} {half}" if moment.minute else f"{hour} {half}"


def say_day(day: date, today: date) -> str:
    """``today``, ``tomorrow``, ``yesterday``, ``Tue 3 Mar`` or, in another year, ``Tue 3 Mar 2025``."""
    near = {0: gettext("today"), 1: gettext("tomorrow"), -1: gettext("yesterday")}
    if word := near.get((day - today).days):
        return word
    pattern = pgettext("day of this year", "D j M")
    if day.year != today.year:
        pattern = pgettext("day of another year", "D j M Y")
    return dateformat.format(day, pattern)


def say_when(value: date | datetime, zone: str = "") -> str:
    """A day, or a moment in the reader's zone: ``just now``, ``5 minutes ago``, ``Tue 3 Mar, 5 pm``."""
    now = timezone.now()
    there = now.astimezone(_zone(zone))
    if not isinstance(value, datetime):
        return say_day(value, there.date())
    minutes = int((now - value).total_seconds() // 60)
    if value <= now and minutes < 1:
        return gettext("just now")
    if 0 < minutes < 60:
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", minutes) % {"n": minutes}
    moment = value.astimezone(_zone(zone))
    return f"{say_day(moment.date(), there.date())}, {_hour(moment)}"


@register.filter
def when(value: date | datetime | None, zone: str = "") -> str | SafeString:
    """``{{ order.shipped_at|when }}`` or ``|when:patient.time_zone``, as a ``time`` element."""
    if value is None:
        return ""
    exact = value.isoformat(timespec="seconds") if isinstance(value, datetime) else value.isoformat()
    return format_html('<time datetime="{}">{}</time>', exact, say_when(value, zone or ""))


@register.filter
def lasting(value: timedelta | int | None) -> str:
    """A length of time in its two largest units: ``2 h 5 min``, ``3 d 4 h``, ``40 s``."""
    if value is None:
        return ""
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    units = [(seconds // 86400, "d"), (seconds % 86400 // 3600, "h"), (seconds % 3600 // 60, "min")]
    said = [f"{count} {unit}" for count, unit in units if count]
    return " ".join(said[:2]) or f"{seconds} s"


@register.filter
def money(value: Decimal | int | None) -> str:
    """``$1,234.50``; below zero ``-$20.00``."""
    if value is None:
        return ""
    amount = Decimal(value)
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount):,.2f}"


@register.filter
def size(count: int | None) -> str:
    """Bytes as a person says them: ``640 KB``, ``2.4 MB``."""
    if count is None:
        return ""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} KB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count / 1_000_000_000:.1f} GB"
