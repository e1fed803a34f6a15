"""The addresses of Backstage's own pages, in the namespace `backstage`."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from project.backstage.views import personal, public, team

app_name = "backstage"

urlpatterns = [
    path("", public.home, name="home"),
    path("artists/<slug:slug>/", public.artist, name="artist"),
    path("artists/<slug:slug>/edit/", team.edit, name="edit"),
    path("artists/<slug:slug>/history/", team.history, name="history"),
    path("artists/<slug:slug>/history/<int:number>/undo/", team.undo, name="undo"),
    path("artists/<slug:slug>/follow/", personal.follow, name="follow"),
    path("artists/<slug:slug>/unfollow/", personal.unfollow, name="unfollow"),
    path("my/", personal.my, name="my"),
    path("my/artists/", team.my_artists, name="my_artists"),
    path("my/follows/", personal.my_follows, name="my_follows"),
    path("mailbox/", public.mailbox, name="mailbox"),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
]
