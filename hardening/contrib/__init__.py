"""Adapters to other packages: each imports its third party, and nothing of ours imports them."""

from __future__ import annotations
