"""Export, comparison and import of a plant document. An import is all or nothing: one transaction, one revision."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, models, transaction

from audit.actions import Actor, Subject, record
from plant import revisions
from plant.document import nodes, source, writer
from plant.document.fields import Misfit, whole
from plant.document.nodes import Mapping, Scalar
from plant.document.plan import Plan, Planned
from plant.document.problems import DocumentError, Problem, suggestion
from plant.document.report import lines_of, summary_of
from plant.document.rows import RowSection
from plant.document.sections import Change, registered
from plant.models import Plant

VERSION: Final = 1
RECORDED: Final = 500
"""Changes that stand in the audit record one by one; of more, the count is kept and the document's SHA-256."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did, or would do. `revision` None: nothing was written."""

    plant: str
    changes: Sequence[Change]
    kept: Sequence[Change]
    """What the document does not name and the import left in the plant."""
    notes: Sequence[str]
    revision: int | None = None

    @property
    def is_same(self) -> bool:
        return not self.changes and not self.kept


def export(plant: Plant) -> str:
    """The document of one plant. The same plant gives the same text, byte for byte."""
    plan = Plan(None, exported=plant)
    head = f"# Plant document of Isthmus; docs/plant-document.md explains it.\nisthmus: {VERSION}\n"
    for section in registered():
        section.validate(plan)
    return head + "".join("\n" + writer.section(s.name, s.serialise(plan)) for s in registered())


Reader = Callable[[bytes, str], Mapping]
"""(content, name for messages) -> the document. Raises DocumentError."""


def compare(content: bytes, name: str, *, prune: bool = False, read: Reader = source.read) -> Outcome:
    """What an import of the document would do. Writes nothing. Raises DocumentError with every problem."""
    plan = make_plan(content, name, prune=prune, read=read)
    return _outcome(plan)


def import_document(
    content: bytes, name: str, actor: Actor, *, prune: bool = False, why: str = "", read: Reader = source.read
) -> Outcome:
    """Make the plant like the document. `name`: how messages call it. Raises DocumentError; then nothing was changed.

    What the document does not name stays, unless `prune` is set. A document that changes nothing raises no revision.
    `read`: how the content becomes a document, where it is not YAML.
    """
    known = revisions.current()
    plan = _plan_unlocked(content, name, prune, known, read)
    if plan is not None:
        outcome = _outcome(plan)
        if not outcome.changes:
            return outcome
    try:
        with transaction.atomic():
            revisions.lock()
            if plan is None or revisions.current() != known:
                plan = make_plan(content, name, prune=prune, read=read)
            outcome = _outcome(plan)
            if not outcome.changes:
                return outcome
            plan.why = why
            _write(plan, actor)
            revision = _announce(outcome, actor, name, hashlib.sha256(content).hexdigest(), plan)
    except IntegrityError as error:
        text = f"The database refused the change ({error}). Somebody may have changed the plant meanwhile: try again."
        raise DocumentError(name, [Problem(0, 0, "", text)]) from error
    return Outcome(outcome.plant, outcome.changes, outcome.kept, outcome.notes, revision)


def _plan_unlocked(content: bytes, name: str, prune: bool, known: int, read: Reader) -> Plan | None:
    """The plan, made before the lock is taken: planning takes most of the time, and everybody's writes would wait.

    None when the configuration was changed meanwhile; what was read may then be of two states.
    """
    try:
        plan = make_plan(content, name, prune=prune, read=read)
    except (DocumentError, KeyError):
        if revisions.current() == known:
            raise
        return None
    return plan if revisions.current() == known else None


def make_plan(content: bytes, name: str, *, prune: bool = False, read: Reader = source.read) -> Plan:
    """Read and check a document against the plant as it stands. Raises DocumentError with every problem."""
    document = read(content, name)
    plan = Plan(document, prune=prune)
    _check_frame(plan)
    if plan.problems:
        raise DocumentError(name, plan.problems)
    for section in registered():
        section.validate(plan)
        if section.name == "plant" and not plan.worlds["plant"].listed:
            break
    else:
        _hold_back(plan)
    if plan.problems:
        raise DocumentError(name, plan.problems)
    return plan


def _check_frame(plan: Plan) -> None:
    """The top of the document: its version, its sections, and what each section is."""
    assert plan.document is not None
    names = [section.name for section in registered()]
    _check_version(plan, plan.document)
    for key, (mark, node) in plan.document.entries.items():
        if key == "isthmus":
            continue
        if key not in names:
            hint = suggestion(key, [*names, "isthmus"], listing="Sections")
            plan.report(mark, key, f"There is no section '{key}'.{hint}")
        elif key == "plant" and not isinstance(node, Mapping):
            plan.report(node, key, f"This is {node}; a mapping like {{name: northgate, title: ...}} is expected.")
        elif key != "plant" and isinstance(node, Scalar) and node.is_null:
            text = (
                "The section is empty. Write [] where there shall be none, or leave the section out to leave it alone."
            )
            plan.report(node, key, text)
        elif key != "plant" and not isinstance(node, nodes.Sequence):
            plan.report(node, key, f"This is {node}; a list is expected, each row beginning with '- '.")
    if "plant" not in plan.document.entries:
        plan.report(
            None, "plant", "The section is missing. Write: plant: {name: northgate, title: ..., time_zone: ...}"
        )


def _check_version(plan: Plan, document: Mapping) -> None:
    node = document.get("isthmus")
    if node is None:
        plan.report(None, "isthmus", f"The version is missing. Write 'isthmus: {VERSION}' as the first line.")
        return
    try:
        version = whole(node)
    except Misfit as misfit:
        plan.report(node, "isthmus", str(misfit))
        return
    if version != VERSION:
        text = f"The document has version {version}; this Isthmus reads version {VERSION}."
        hint = " Upgrade Isthmus, or export the plant again with this one." if version > VERSION else ""
        plan.report(node, "isthmus", text + hint)


def _outcome(plan: Plan) -> Outcome:
    found = [change for section in registered() for change in section.diff(plan)]
    removing = {(s.name, key) for s in registered() for key, _ in plan.worlds[s.name].removed}
    nouns = {(s.noun if isinstance(s, RowSection) else s.name): s.name for s in registered()}
    kept = [c for c in found if c.kind == "removed" and (nouns[c.noun], c.key) not in removing]
    changes = [c for c in found if c not in kept]
    return Outcome(plan.plant.name, changes, kept, plan.notes)


def _hold_back(plan: Plan) -> None:
    """Refuse to remove what something that stays refers to, and say what that is."""
    staying: dict[Any, list[Planned]] = {}
    for section in _row_sections():  # several sections may share a model
        staying.setdefault(section.model, []).extend(plan.worlds[section.name].all)
    owned = {model for section in _row_sections() for model in section.owned}
    for section in _row_sections():
        gone = {obj.pk: key for key, obj in plan.worlds[section.name].removed}
        if not gone:
            continue
        holders: dict[int, list[str]] = {}
        for relation in section.model._meta.related_objects:
            if relation.on_delete is models.PROTECT and relation.related_model not in owned:
                _collect(relation, staying, gone, holders)
        for pk, names in holders.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            text = (
                f"It cannot be removed: {', '.join(names[:3])}{more} still refer{'s' if len(names) == 1 else ''} to it."
            )
            plan.report(None, section.name, text, gone[pk])


def _row_sections() -> list[RowSection]:
    return [section for section in registered() if isinstance(section, RowSection)]


def _collect(relation: Any, staying: Any, gone: dict[int, str], holders: dict[int, list[str]]) -> None:
    """Add to `holders` (key of what goes -> texts) the rows of one relation that stay and refer to it."""
    model, attribute = relation.related_model, relation.field.attname
    noun = model._meta.verbose_name
    if model in staying:
        for planned in staying[model]:
            if getattr(planned.target, attribute) in gone:
                holders.setdefault(getattr(planned.target, attribute), []).append(f"{noun} {planned.key}")
        return
    pks = list(gone)
    for start in range(0, len(pks), 1000):
        for row in model._default_manager.filter(**{f"{attribute}__in": pks[start : start + 1000]}):
            holders.setdefault(getattr(row, attribute), []).append(f"{noun} '{row}'")


def _write(plan: Plan, actor: Actor) -> None:
    for section in registered():
        section.let_go(plan, actor)
    for section in registered():
        section.apply(plan)
    for section in reversed(registered()):
        section.remove(plan)


def _announce(outcome: Outcome, actor: Actor, name: str, digest: str, plan: Plan) -> int:
    lines = [line for change in outcome.changes[:RECORDED] for line in lines_of(change)]
    summary = summary_of(outcome.changes)
    record(
        "configuration",
        "plant.imported",
        actor,
        subject=Subject("plant.plant", str(plan.plant.uuid), outcome.plant),
        new={
            "document": name,
            "sha256": digest,
            "summary": summary,
            "changes": lines,
            "changes_left_out": max(0, len(outcome.changes) - RECORDED),
            "pruned": plan.prune,
        },
        reason=plan.why,
    )
    return revisions.bump(actor.name, f"plant document for {outcome.plant}: {summary}")
