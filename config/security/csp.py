"""The content security policy: the one module that knows django-csp."""

from csp.middleware import CSPMiddleware


class SecurityHeaders(CSPMiddleware):
    """Strict by default; the policy stands in the settings."""
