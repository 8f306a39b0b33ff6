"""Lineup: lines up models on the same splits of the same table. The rules' scripts stand on these modules."""
