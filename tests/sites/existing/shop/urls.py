"""The addresses of the running site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from shop import views

urlpatterns = [
    path("", views.home),
    path("basket/", views.basket),
    path("desk/", views.desk),
    path("orders/", views.orders),
    path("sign-in/", views.SignInView.as_view()),
    path("sign-out/", views.sign_out),
    path("admin/", admin.site.urls),
]
