"""What is remembered: objects, leases, the quota ledger, events. Every change is one transaction; nothing here does I/O
other than with the database."""
