"""How a test saves a policy in the admin, as its editor does: sees the preview, and confirms."""

from __future__ import annotations

from hardening.admin.preview import CONFIRM

# The form of a policy as it is sent; without role and days of grace, which each test chooses.
FORM = {
    "mode": "enforce",
    "strength": "any",
    "starts_at_0": "2026-11-01",
    "starts_at_1": "08:00:00",
    "new_account_days": "0",
    "first_enrolment": "mailbox",
    "step_up_seconds": "",
    "idle_seconds": "",
    "absolute_seconds": "",
    "parallel_sessions": "",
    "remembered_days": "0",
    "breached_passwords": "enforce",
    "recheck_days": "",
    "note": "",
}


def seal_on(answer):
    """Return the seal that a preview page carries; empty on any other answer."""
    context = getattr(answer, "context", None)
    return (context.get("seal") or "") if context else ""


def save(client, path, fields):
    """Send the form; where a preview comes back, confirm it. Return the last answer."""
    answer = client.post(path, fields)
    seal = seal_on(answer)
    return client.post(path, {**fields, CONFIRM: seal}) if seal else answer
