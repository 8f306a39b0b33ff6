"""The tables and the splits that the jobs hand on."""
