"""How a test saves a policy in the admin, as its editor does: sees the preview, and confirms."""

from __future__ import annotations

from hardening.admin.preview import CONFIRM


def seal_on(answer):
    """Return the seal that a preview page carries; empty on any other answer."""
    context = getattr(answer, "context", None)
    return (context.get("seal") or "") if context else ""


def save(client, path, fields):
    """Send the form; where a preview comes back, confirm it. Return the last answer."""
    answer = client.post(path, fields)
    seal = seal_on(answer)
    return client.post(path, {**fields, CONFIRM: seal}) if seal else answer
