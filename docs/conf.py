"""Sphinx: MyST pages, the furo theme, every warning an error (`make docs`)."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()  # autodoc imports models and views

project = "django-hardening"
author = "django-hardening contributors"
copyright = "2026, django-hardening contributors"  # noqa: A001 - Sphinx's name
release = version = "0.1.0.dev0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "boxes"]  # boxes: included by the pages they concern
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "django-hardening"

autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = True
nitpick_ignore_regex = [
    # No inventory is fetched: what belongs to Python, Django and others is named, not linked.
    (r"py:.*", r"(django|pyotp|argon2|cryptography|segno|requests)\..*"),
    (r"py:.*", r"(collections|datetime|enum|functools|pathlib|typing|dataclasses|ipaddress)\..*"),
    (r"py:(class|exc|obj)", r"[A-Za-z]+"),  # builtins and names imported for typing only
]
