"""Attestations: signed statements that this journal, under these definitions, gives this ledger and these answers.

Signed with Ed25519 (RFC 8032) over the JSON of the statement with sorted keys and without blanks. Who has the same
journal can make everything anew and compare; who has not can still see that a later statement goes on from this one.
"""

import base64
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from events.envelope import to_text
from services.clock import now_ms
from services.replay.chain import Seals, chain
from services.replay.digest import answers_digest, definitions_digest, journal_digest, ledger_digest
from services.workspace import Workspace, WorkspaceError

COMPARED = ("chain", "journal", "definitions", "ledger", "answers")
"""What who has the same journal finds the same."""


class BadAttestation(WorkspaceError):
    """A file that is no attestation, or whose signature does not belong to it."""


def make_key(path: Path) -> str:
    """A new private key in a file that only its user may read; the public key, which identifies the signer."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except FileExistsError:
        raise WorkspaceError(f"{path} exists already; name another file") from None
    return public_key(key)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file. Raises WorkspaceError."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise WorkspaceError(f"{path} holds no private key; make one with: salestream attest new-key FILE") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WorkspaceError(f"{path} holds a key of another kind; allowed: Ed25519")
    return key


def public_key(key: Ed25519PrivateKey) -> str:
    """What identifies a signer, in hexadecimal."""
    return key.public_key().public_bytes_raw().hex()


def statement(workspace: Workspace, tenant: str, position: int) -> dict[str, Any]:
    """What can be attested at a position of a tenant's journal that is in the ledger."""
    books = workspace.books(tenant)
    cut = books.cut(str(position))
    return {
        "tenant": tenant,
        "position": cut.position,
        "recorded": to_text(cut.recorded_ms),
        "chain": chain(workspace.journal, tenant, {cut.position}).get(cut.position, ""),
        "journal": journal_digest(workspace.journal, tenant, cut.position),
        "definitions": definitions_digest(),
        "ledger": ledger_digest(workspace.store, tenant, cut.position),
        "answers": answers_digest(books, cut),
        "settings": _settings(workspace),
    }


def _settings(workspace: Workspace) -> dict[str, Any]:
    """Those that move numbers."""
    settings = workspace.settings
    return {name: getattr(settings, name) for name in ("timezone", "currency", "customer_lifespan_years")}


def attest(workspace: Workspace, tenant: str, position: int, key: Ed25519PrivateKey) -> dict[str, Any]:
    """A signed statement about a tenant's books up to a position."""
    said = statement(workspace, tenant, position) | {"version": version("salestream"), "made": to_text(now_ms())}
    return {
        "statement": said,
        "public_key": public_key(key),
        "signature": base64.b64encode(key.sign(_bytes(said))).decode(),
    }


def read_attestation(path: Path) -> dict[str, Any]:
    """An attestation whose signature belongs to its statement. Raises BadAttestation."""
    try:
        told = json.loads(path.read_text("utf-8"))
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["public_key"]))
        key.verify(base64.b64decode(told["signature"], validate=True), _bytes(told["statement"]))
    except InvalidSignature:
        raise BadAttestation(f"the statement in {path} was changed after it was signed") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadAttestation(f"{path} is no attestation; name a file of `salestream attest --out`") from error
    return dict(told)


def compared(workspace: Workspace, said: dict[str, Any]) -> dict[str, bool | None]:
    """Whether these books say the same, by what is compared; None: cannot be told, for other rules are in force here.

    Raises WorkspaceError where the journal does not reach as far.
    """
    head = workspace.store.read_checkpoint(said["tenant"]).position
    if head < said["position"]:
        raise WorkspaceError(f"the journal of {said['tenant']} ends at {head}, before {said['position']}")
    here = statement(workspace, said["tenant"], said["position"])
    found: dict[str, bool | None] = {name: here[name] == said[name] for name in COMPARED}
    if not found["definitions"] or here["settings"] != said["settings"]:
        found["answers"] = None
    return found


def seals_of(workspace: Workspace) -> Seals:
    """The seals of a data folder."""
    return Seals(workspace.settings.seals_path)


def _bytes(said: dict[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
