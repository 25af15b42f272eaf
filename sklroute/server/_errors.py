"""The one error that a client is told about."""


class RequestError(Exception):
    """A request that is answered with an error: its status, and what is wrong."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message
