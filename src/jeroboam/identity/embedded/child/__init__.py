"""What runs in Keystone's processes and never in ours: Keystone's configuration is global and costs 100 MiB."""
