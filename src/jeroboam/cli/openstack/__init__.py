"""The plugin of the `openstack` command: the quota tree, events, and waiting for containers.

It speaks HTTP to whatever the catalogue names, so it runs where nothing else of Jeroboam does.
"""
