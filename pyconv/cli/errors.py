"""The one exception that a command raises when the user can mend what is wrong."""


class UserError(Exception):
    """What is wrong, in one line; `main` prints it and returns 2."""
