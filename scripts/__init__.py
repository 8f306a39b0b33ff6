"""One script per rule, and the modules that they share."""
