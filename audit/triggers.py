"""The guard of the audit: records cannot be changed or deleted. Only sealing may fill the three empty columns."""

from typing import Final

from audit.append_only import Guard

AUDIT: Final = Guard(
    table="audit_auditrecord",
    prefix="audit",
    row="an audit record",
    may_change=frozenset({"sequence", "previous_hash", "hash"}),
    refused_when='OLD."sequence" IS NOT NULL OR NEW."sequence" IS NULL OR NEW."hash" = \'\'',
)
TABLE: Final = AUDIT.table
NAMES: Final = AUDIT.names
install, drop, missing = AUDIT.install, AUDIT.drop, AUDIT.missing
