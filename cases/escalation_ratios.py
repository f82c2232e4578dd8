"""The two shares of cases that were handed up, counted by case and shown apart (R-SLA-5)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from cases.models import Case


@dataclass(frozen=True)
class Ratios:
    """Of the cases opened in a time, the shares that were handed up. Shown apart."""

    cases: int
    phone_or_manager: int
    clinical_or_billing: int

    @property
    def to_phone_or_manager(self) -> float | None:
        return self.phone_or_manager / self.cases if self.cases else None

    @property
    def to_clinical_or_billing(self) -> float | None:
        return self.clinical_or_billing / self.cases if self.cases else None

    @property
    def phone_or_manager_percent(self) -> str:
        return _percent(self.to_phone_or_manager)

    @property
    def clinical_or_billing_percent(self) -> str:
        return _percent(self.to_clinical_or_billing)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def ratios(start: datetime, end: datetime) -> Ratios:
    """Counted by case: twice to a manager is one. To phone: begun elsewhere and then spoken of by phone."""
    opened = Case.objects.filter(opened_at__gte=start, opened_at__lt=end)
    by_phone = Q(conversations__channel="phone") & ~Q(channel="phone")
    up = opened.filter(Q(escalations__lane="manager") | by_phone).values("pk").distinct()
    aside = opened.filter(escalations__lane__in=["clinical", "specialist"]).values("pk").distinct()
    return Ratios(opened.count(), up.count(), aside.count())
