"""The table of rules: who may what, in the language of oslo.policy. An operator's policy.yaml overrides any of them.

Targets hold `project_id` (of the object, from the database) and `ancestors` (ids of the nodes above it, from its
parent up to the domain). `over:ROLE` is ours: a token with that role on one of the ancestors, or the system's.
"""

NOBODY = "!"

BASE: dict[str, tuple[str, str]] = {
    "own": ("project_id:%(project_id)s", "The token is scoped to the object's project."),
    "project_reader": ("role:reader and rule:own", "Reads in its own project."),
    "project_member": ("role:member and rule:own", "Works in its own project."),
    "project_manager": ("role:manager and rule:own", "Manages its own project."),
    "above": ("over:manager", "Manages a project or domain above the object's."),
    "system_reader": ("role:reader and system_scope:all", "Reads the whole system."),
    "system_admin": ("role:admin and system_scope:all", "Administers the system."),
}

WHO = {
    "rule:project_reader": "a reader of that project",
    "rule:project_member": "a member of that project",
    "rule:project_manager": "a manager of that project",
    "rule:above": "a manager of a project or domain above it",
    "over:admin": "an admin of a project or domain above it, or of the system",
    "rule:system_reader": "a reader of the whole system",
}
"""Whom to ask where a check of RULES says no."""
WHO_BELOW = {
    "rule:above": "a manager of that project or of one above it",
    "rule:system_reader": WHO["rule:system_reader"],
}
"""The same where it was about all that is below a project: to read that project itself is not enough."""

_READ = "rule:project_reader or rule:above or rule:system_reader"
_WORK = "rule:project_member or rule:above"

RULES: dict[str, tuple[str, str]] = {
    "container:get": (_READ, "Show a container."),
    "container:list": ("rule:project_reader", "List the containers of one's project."),
    "container:list_all_projects": ("rule:system_reader", "List the containers of every project."),
    "container:create": ("rule:project_member", "Create or run a container."),
    "container:create:privileged": (NOBODY, "Ask for privileged, or for a runtime."),
    "container:create:host": (NOBODY, "Mount folders and files of the host."),
    "container:update": ("rule:project_member", "Change a container's name, cpu, memory, networks."),
    "container:delete": (_WORK, "Delete a container."),
    "container:action": (_WORK, "Start, stop, restart, pause, unpause, kill."),
    "container:exec": ("rule:project_member", "Execute commands, attach, put and get archives, resize the terminal."),
    "container:logs": ("rule:project_reader or rule:above", "Read logs, processes and figures of a container."),
    "network:list": ("rule:project_reader", "List the networks of one's project."),
    "volume:list": ("rule:project_reader", "List the volumes of one's project."),
    "volume:delete": ("rule:project_member", "Delete a volume."),
    "registry:get": ("rule:project_reader", "Show registries (never their passwords)."),
    "registry:create": ("rule:project_member", "Store credentials of a registry."),
    "registry:update": ("rule:project_member", "Change credentials of a registry."),
    "registry:delete": ("rule:project_member", "Forget credentials of a registry."),
    "image:get": ("rule:project_reader", "Show an image that one's project may run."),
    "image:list": ("rule:project_reader", "List the images that one's project may run."),
    "image:create": ("rule:project_member", "Pull an image."),
    "image:delete": ("rule:project_member", "Give an image up for one's project."),
    "host:list": ("rule:system_reader", "List hosts and their capacity."),
    "service:list": ("rule:system_reader", "List the running parts of Jeroboam."),
    "quota:get": (_READ, "Show a node of the quota tree, and all below it to those above it."),
    "quota:set": ("rule:above", "Set limits, weight and policy of a node."),
    "quota:delete": ("rule:above", "Remove a node of the quota tree."),
    "quota:reserve": ("rule:project_manager or rule:above", "Make, extend and release reservations."),
    "quota:force": ("over:admin", "Lower a limit below what is in use, into debt."),
    "quota:claims": (_READ, "List claims and reclaims in progress."),
    "events:list": (_READ, "Read and follow events."),
    "audit:list": ("rule:project_manager or rule:above or rule:system_reader", "Read who changed which limits."),
    "metrics": ("rule:system_reader", "Read metrics where they are not open to everybody who can connect."),
}
