"""The quota tree over HTTP: nodes, reservations, claims; who may see and set what; and how a refusal is worded."""
