"""Does a router pay? Evidence against a baseline, and a verdict in plain words."""

from sklroute.audit._audit import audit
from sklroute.audit._crossfit import cross_audit
from sklroute.audit._report import write_audit_report
from sklroute.audit._result import Audit

__all__ = ["Audit", "audit", "cross_audit", "write_audit_report"]
