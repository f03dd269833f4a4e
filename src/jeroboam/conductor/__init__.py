"""The loop that makes it so: claim an object, look, plan, act, record. Stateless, as many as you like."""
