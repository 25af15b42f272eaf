"""A small server that routes queries over HTTP: ``sklroute serve router.sklroute``.

It needs the extra ``serve``: starlette, uvicorn, pydantic and prometheus_client.
"""

from sklroute.server._app import make_app
from sklroute.server._run import serve
from sklroute.server._settings import ServerSettings

__all__ = ["ServerSettings", "make_app", "serve"]
