"""A record of the manifest that is as it should be, for tests to build on."""

RECORD_OF_NOTHING = {
    "rule": "fit",
    "wildcards": {},
    "cost": {"wall_seconds": 1.5, "cpu_seconds": 1.25, "peak_memory_mib": 20.5},
    "outputs": {},
    "inputs": {},
    "opened": {},
    "specification": {"code": {}, "inputs": {}, "outputs": {"record": "record.json"}, "settings": {}},
}
