"""The Keystone of those who have none: the real one, from PyPI, as a child process of `jeroboam up`.

prepare.py makes its files once; child/ holds the few modules that run inside the child's own processes;
supervisor.py starts it, watches it, ends it; clouds.py writes clouds.yaml.
"""
