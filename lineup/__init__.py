"""Lineup: lines up models on the same splits of the same table. The rules' scripts stand on these modules."""

# First of all, so that what other modules open while they are imported is noted, too.
import lineup.ledger.opened as _opened  # noqa: F401
