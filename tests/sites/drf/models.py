"""The tokens of docs/howto/drf.md, as the page writes them."""

from __future__ import annotations

from tests.howto import defined

ApiToken = defined("drf", "A model that keeps the evidence", __name__=__name__)["ApiToken"]
