"""What a form's field lets one choose from, where that depends on who asks."""

from collections.abc import Iterable
from typing import Any, cast

from django.db.models import QuerySet
from django.forms import BaseForm, ChoiceField, ModelChoiceField


def choose_from(form: BaseForm, name: str, choices: Iterable[Any]) -> None:
    """``choices``: (value, label) each, or (group, choices)."""
    cast(ChoiceField, form.fields[name]).choices = list(choices)


def choose_among(form: BaseForm, name: str, rows: QuerySet[Any]) -> None:
    cast("ModelChoiceField[Any]", form.fields[name]).queryset = rows
