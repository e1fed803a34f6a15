"""Django's own tests, run with this app installed and nothing mandated.

What they show: a site that installs the app and asks nothing of anybody keeps Django's behaviour.
``.ci/django-suite`` runs them, from Django's source distribution; `differences` says which tests
differ and why. Nothing here is collected by pytest.
"""
