"""Signals for host code. `login_completed` always means complete, whatever view was used.

``user_logged_in`` fires at the password where a foreign login view is used, so its receivers may
run before the second factor; ours is the one to listen to. Those about somebody carry ``user``;
those sent at a door carry ``request`` too (it may be `None`). Receivers that raise are logged, and
stop nothing.
"""

from __future__ import annotations

from django.dispatch import Signal

login_parked = Signal()  # user, request, reason
login_completed = Signal()  # user, request
factor_added = Signal()  # user, kind, factor_id
factor_removed = Signal()  # user, kind, factor_id
factor_used = Signal()  # user, kind, factor_id
password_flagged = Signal()  # user
attempt_refused = Signal()  # user (None for a name that nobody has), retry_after
attack_mode_changed = Signal()  # on, until
break_glass_changed = Signal()  # user, on, until
policy_changed = Signal()  # policy, actor
