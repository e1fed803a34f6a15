"""A site that has been running for years, and the day on which the app is added to it."""
