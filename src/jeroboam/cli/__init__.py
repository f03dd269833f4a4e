"""The `jeroboam` command of operators, one room per command; `openstack/` is the plugin of everybody's command."""
