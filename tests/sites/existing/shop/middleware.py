"""A middleware of the kind that other packages for second factors bring along."""

from __future__ import annotations

from django.utils.functional import SimpleLazyObject


class VerifiedMiddleware:
    """Puts a mark on the user, whom it reads lazily."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        user = request.user
        request.user = SimpleLazyObject(lambda: self.marked(user))
        return self.get_response(request)

    @staticmethod
    def marked(user):
        user.is_verified = False
        return user
