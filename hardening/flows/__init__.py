"""The order of events. Each flow ends in exactly one `audit.record`; doors only call flows."""
