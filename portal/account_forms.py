"""The forms of signing in and of one's account."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.contacts import mailable


def password_field(label: Any, *, new: bool = False) -> forms.CharField:
    """Taken as typed: never stripped, never cut."""
    word = "new-password" if new else "current-password"
    widget = forms.PasswordInput(attrs={"autocomplete": word})
    return forms.CharField(label=label, strip=False, widget=widget)


def code_field(label: Any, *, digits: bool = True) -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "class": "one-time", "spellcheck": "false"}
    if digits:
        attrs["inputmode"] = "numeric"
    return forms.CharField(label=label, max_length=24, widget=forms.TextInput(attrs=attrs))


def email_field(label: Any, **more: Any) -> forms.EmailField:
    return forms.EmailField(label=label, widget=forms.EmailInput(attrs={"autocomplete": "username"}), **more)


class SignInForm(forms.Form):
    email = email_field(_("E-mail address"))
    password = password_field(_("Password"))


class CodeForm(forms.Form):
    code = code_field(_("Code from your authenticator app"))


class RecoveryForm(forms.Form):
    code = code_field(_("Recovery code"), digits=False)


class MailedCodeForm(forms.Form):
    code = code_field(_("Code from the e-mail"))


class PasswordForm(forms.Form):
    password = password_field(_("Password"))


class EmailForm(forms.Form):
    """An address that something will be sent to."""

    email = email_field(_("E-mail address"), validators=[mailable])


class NewPasswordForm(forms.Form):
    """A new password, shown or typed blind once: password managers fill it."""

    password = password_field(_("New password"), new=True)


class ProofsForm(forms.Form):
    last_name = forms.CharField(
        label=_("Last name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )
    birth_date = forms.DateField(
        label=_("Date of birth"), widget=forms.DateInput(attrs={"type": "date", "autocomplete": "bday"})
    )


class RegisterForm(ProofsForm):
    number = forms.CharField(
        label=_("Account or order number"),
        help_text=_("It stands on your delivery ticket and on our letters."),
        max_length=24,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("number", "last_name", "birth_date")


class RegisterCodeForm(NewPasswordForm):
    code = code_field(_("Code from the e-mail"))
    field_order = ("code", "password")


class InvitedForm(NewPasswordForm):
    """Staff and caregivers: how they are called, and a password."""

    name = forms.CharField(
        label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("name", "password")


class InvitedPatientForm(ProofsForm, NewPasswordForm):
    """Patients: who they are, and a password."""

    field_order = ("last_name", "birth_date", "password")
