"""Scores, and the intervals of their differences."""
