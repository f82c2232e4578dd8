"""Which e-mail addresses and phone numbers anything can be sent to.

Asked wherever one is entered or imported, so that it is found out by whoever can still mend it.
"""

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

LONGEST_ADDRESS = 254
WHOLE = phonenumbers.ValidationResult.IS_POSSIBLE  # and none that only neighbours can dial


def mailable(address: str) -> None:
    """Raise ValidationError for what is not one address, or one that no mail server could be asked for."""
    if len(address) > LONGEST_ADDRESS:
        raise ValidationError(validate_email.message)
    validate_email(address)
    try:
        sanitize_address(address, "utf-8")
    except ValueError:  # a domain may look right and still have no form that the net knows
        raise ValidationError(validate_email.message) from None


def is_mailable(address: str) -> bool:
    try:
        mailable(address)
    except ValidationError:
        return False
    return True


def dialled(number: str) -> str:
    """A number as it is dialled, in E.164 form. Raises ValidationError where nobody could be reached by it."""
    try:
        read = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        read = None
    if read is None or phonenumbers.is_possible_number_with_reason(read) != WHOLE:
        raise ValidationError(
            _("Please type a phone number with its area code, such as 512 555 0143."), code="phone"
        )
    return str(phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164))


def diallable(number: str) -> None:
    """Raise ValidationError where nobody could be reached by it."""
    dialled(number)


def is_diallable(number: str) -> bool:
    try:
        dialled(number)
    except ValidationError:
        return False
    return True
