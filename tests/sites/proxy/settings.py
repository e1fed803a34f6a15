"""The smallest site, with the settings of the how-to about proxies: its very lines."""

from __future__ import annotations

import os

from tests import howto
from tests.settings import *  # noqa: F403

globals().update(howto.defined("reverse-proxy", "Settings"))

if "SCRIPT_NAME" in os.environ:  # the server says where the site stands
    FORCE_SCRIPT_NAME = None
