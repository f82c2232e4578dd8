"""Sample pages of the look: every component on the real base templates, with made-up content."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.template import Context, Engine, engines
from django.test import RequestFactory
from django.utils import timezone

HERE = Path(__file__).parent

ROWS = [
    ("JD", "Thank you! And the filters?", "bad", "2 min", "message-circle", False),
    ("MR", "Hello, where is my mask? It was meant to come", "warn", "9 min", "message-circle", True),
    ("AK", "Photo of the card is attached", "good", "3 h", "mail", False),
    ("TS", "Can I return the unopened tubing?", "good", "1 d", "globe", False),
]


class Details(forms.Form):
    name = forms.CharField(label="Full name")
    phone = forms.CharField(
        label="Mobile phone", help_text="We text you when a delivery is near.", required=False
    )
    best = forms.ChoiceField(
        label="Best way to reach you", choices=[("sms", "Text"), ("call", "Call")], widget=forms.RadioSelect
    )
    zone = forms.ChoiceField(label="Time zone", choices=[("c", "Central"), ("e", "Eastern")])
    about = forms.CharField(
        label="Anything we should know", widget=forms.Textarea(attrs={"rows": 3}), required=False
    )
    agree = forms.BooleanField(label="Send me reminders when supplies are due", required=False)


class SignIn(forms.Form):
    email = forms.EmailField(label="E-mail")
    password = forms.CharField(label="Password", widget=forms.PasswordInput)


def _shown() -> dict[str, object]:
    now = timezone.now()
    return {
        "soon": now + timedelta(days=3),
        "past": now - timedelta(minutes=12),
        "old": now - timedelta(days=30),
        "big": Decimal("1234.50"),
        "small": Decimal("86.00"),
        "bytes": 2_400_000,
        "page": Paginator(range(95), 10).page(2),
        "rows": ROWS,
        "topics": [("order_status", "Where is my order?"), ("bill", "A bill")],
        "years": 7,
        "start": "/chat/start",
        "base": "/chat/",
        "socket": "/ws/chat/",
        "privacy": "/privacy/",
        "identity": "guest",
        "host": "http://specimen",
        "items": [
            {"name": "Prescription", "state": "done", "detail": "From Dr. Lee", "at": date(2026, 2, 23)},
            {"name": "Insurance check", "state": "done", "detail": "", "at": date(2026, 2, 25)},
            {
                "name": "Prior authorization",
                "state": "held",
                "detail": "Waiting on Dr. Lee, day 3",
                "at": None,
            },
            {"name": "Packing", "state": "now", "detail": "By us", "at": now + timedelta(days=1)},
            {"name": "Delivery", "state": "todo", "detail": "By the carrier", "at": None},
        ],
    }


def render(name: str, **extra: object) -> str:
    """The HTML of one specimen."""
    request = RequestFactory().get("/specimen/")
    shown = {
        "user": AnonymousUser(),
        "supplier_name": "Bayside Home Medical",
        "supplier_phone": "(512) 555-0100",
    }
    shown |= {"demo": True, "request": request, "csrf_token": "t", **_shown(), **extra}
    own = engines["django"].engine
    engine = Engine(
        dirs=[*own.dirs, str(HERE)],
        app_dirs=True,
        libraries=own.libraries,
        builtins=own.builtins,
    )
    return engine.get_template(f"specimens/{name}.html").render(Context(shown))


def details() -> Details:
    return Details({"name": "", "phone": "(512) 555-0142", "best": "sms", "zone": "c"})
