"""The one error that a client is told about."""

__all__ = ["RequestError"]


class RequestError(Exception):
    """A request that cannot be answered.

    Parameters
    ----------
    status : int
        Status of the answer.
    message : str
        What is wrong, and where.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message
