"""What things are: specs, states, conditions, quantities, names and errors. Pure: no I/O, no clock, no logging."""
