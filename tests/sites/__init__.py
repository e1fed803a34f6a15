"""Kinds of sites that the app is added to: a folder each, with settings of its own.

A folder with a ``settings.py`` is a stage of the test run (tests/harness.py) and a process of its
own: the user model and the installed apps are read once. Settings start from `tests.settings` and
change what makes that kind of site different, nothing else; their first line says what that is.

`user_models` is no site: it holds the tests that every kind of user model gets. `browser` is for
sites that are served by processes of their own.
"""
