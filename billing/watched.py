"""What of billing the access trail watches, and whose record each row belongs to."""

from billing import models as m
from config.security import audit

audit.register(m.Coverage, subject="patient")
audit.register(m.Payer)
