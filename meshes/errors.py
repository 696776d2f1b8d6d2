"""What goes wrong, said so that the reader knows what to do next."""


class TwinError(Exception):
    """Something could not be done. The text says what was found, where, and what to do."""

    exit_code = 1


class InputError(TwinError):
    """The input is at fault, not the program: the command line answers with exit code 2."""

    exit_code = 2
