"""The application that gunicorn serves."""

import sys

# Keystone parses the command line of whoever imports it, and ends the process over what it does not know.
sys.argv = ["keystone"]

try:
    from keystone.wsgi.api import application
except SystemExit as error:
    # gunicorn starts a worker that left by itself again and again; one that failed to load ends it.
    raise RuntimeError("Keystone gave up while it was loading") from error

__all__ = ["application"]
