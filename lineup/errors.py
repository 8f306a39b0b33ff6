"""The error that a user can mend."""


class InputError(Exception):
    """Something the user gave is wrong. The message says what, where, and what to do."""
