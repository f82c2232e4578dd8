#!/usr/bin/env python
"""Django's command line for the portal, the console and everything behind them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config.env import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as mistake:
        sys.exit(str(mistake))


if __name__ == "__main__":
    main()
