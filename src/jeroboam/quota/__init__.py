"""The quota tree: who may use how much of what, who borrows, who gives it back. Pure: no I/O, no clock."""
