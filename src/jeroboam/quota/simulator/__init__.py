"""What would happen? A document of a tree and steps, played on the engine."""
