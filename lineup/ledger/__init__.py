"""What makes rebuilding exact: what each result was made of, and what has to be made again."""
