"""The site's own pages, its login page and its logout among them."""

from __future__ import annotations

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required, user_passes_test
from django.contrib.auth.views import LoginView
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt


@login_not_required
def home(request):
    return HttpResponse(f"Hello {request.user.get_username() or 'stranger'}")


@login_not_required
@csrf_exempt
def basket(request):
    """Put something into the basket, which is in the session."""
    if request.method == "POST":
        request.session["basket"] = [*request.session.get("basket", []), request.POST["item"]]
        request.session["basket_of"] = request.user.get_username()
    return HttpResponse(", ".join(request.session.get("basket", ["nothing"])))


@user_passes_test(lambda user: user.is_staff)
def desk(request):
    verified = getattr(request.user, "is_verified", "unknown")
    return HttpResponse(f"The desk of {request.user}, verified: {verified}")


def orders(request):
    """Answer a poll of the page; LoginRequiredMiddleware guards it."""
    return JsonResponse({"orders": 3})


class SignInView(LoginView):
    """Name or e-mail address; the session ends with the browser unless one asks otherwise."""

    template_name = "shop/sign_in.html"

    def form_valid(self, form):
        response = super().form_valid(form)
        self.request.session.set_expiry(3600 if "remember" in self.request.POST else 0)
        self.request.session["greeting"] = "welcome back"
        return response


@login_not_required
@csrf_exempt
def sign_out(request):
    logout(request)
    return HttpResponseRedirect("/")
