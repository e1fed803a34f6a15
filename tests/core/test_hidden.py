"""Text that stays out of logs and reports, which print values by `repr`."""

from __future__ import annotations

from hardening.core.hidden import Hidden


def test_what_is_hidden_reads_as_itself_and_reprs_as_nothing():
    secret = Hidden("JBSWY3DPEHPK3PXP")
    assert secret == "JBSWY3DPEHPK3PXP"
    assert f"{secret}" == "JBSWY3DPEHPK3PXP"
    assert "JBSW" not in repr(secret)
    assert "JBSW" not in repr({"key": [secret]})
