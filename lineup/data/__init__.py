"""Sources, the coding of tables, splits, and the files that the jobs hand on."""
