"""A web node whose clock is off by CLOCK_OFF seconds, while everybody else's is right."""

import os
from datetime import UTC, datetime, timedelta
from importlib import import_module

import time_machine

_wrong = datetime.now(UTC) + timedelta(seconds=float(os.environ["CLOCK_OFF"]))
time_machine.travel(_wrong, tick=True).start()
application = import_module("config.asgi").application
