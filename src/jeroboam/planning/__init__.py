"""What to do next: `plan(desired, observed, now)` for each kind. Pure: the clock and what was seen are passed in."""
