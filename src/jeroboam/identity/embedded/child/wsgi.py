"""The application that gunicorn serves."""

import sys

# Keystone parses the command line of whoever imports it, and ends the process over what it does not know.
sys.argv = ["keystone"]

from keystone.wsgi.api import application  # noqa: E402

__all__ = ["application"]
