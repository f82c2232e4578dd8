"""Models that the access trail does not watch, by label, and why it need not. Apps add theirs."""

EXEMPT: dict[str, str] = {
    "portal.AccessEntry": "The trail itself.",
    "portal.AccessReason": "Part of the trail's entries.",
    "portal.TrailQueue": "Part of the trail.",
    "portal.TrailSeal": "Part of the trail.",
    "config.Attempt": "Digests of tries against a limit.",
    "admin.LogEntry": "Django admin's own list of what it did; the rows it changed are watched.",
    "auth.Group": "Not used: roles stand in portal.access.",
    "auth.Permission": "Not used: permissions stand in portal.access.",
    "contenttypes.ContentType": "The list of models.",
    "sessions.Session": "Sign-in and sign-out are entries of their own.",
    "axes.AccessAttempt": "Counts of failed sign-ins.",
    "axes.AccessAttemptExpiration": "Counts of failed sign-ins.",
    "axes.AccessFailureLog": "Failed sign-ins, which are entries of their own.",
    "axes.AccessLog": "Sign-ins, which are entries of their own.",
    "django_otp_webauthn.WebAuthnAttestation": "What a watched passkey said when it was enrolled.",
    "django_otp_webauthn.WebAuthnUserHandle": "A random name of a user for passkeys.",
}
