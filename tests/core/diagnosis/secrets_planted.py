"""Secrets of every kind, each with the words among which it stands in a log."""

from __future__ import annotations

PLANTED = {
    "slack": ("xoxb-123456789012-abcdefghijkl", "{}"),
    "slack app": ("xapp-1-A0123456789-abcdef", "{}"),
    "anthropic": ("sk-ant-api03-abcdefghijklmnop", "{}"),
    "other key": ("sk-abcdefghijklmnopqrstuvwx", "{}"),
    "aws": ("AKIAABCDEFGHIJKLMNOP", "{}"),
    "github": ("ghp_abcdefghijklmnopqrstuvwxyz0123", "{}"),
    "gitlab": ("glpat-abcdefghijklmnopqrst", "{}"),
    "google": ("AIzaabcdefghijklmnopqrstuvwxyz0123456", "{}"),
    "jwt": ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2lnbmF0dXJl", "{}"),
    "bearer": ("abcdef0123456789", "Authorization: Bearer {}"),
    "url": ("hunter2hunter2", "mysql://root:{}@tidb:4000/test"),
    "query": ("hunter2hunter2", "GET /x?key={}&y=1"),
    "assigned": ("hunter2hunter2", "db.password = {} done"),
    "quoted": ("hunter2 hunter2", 'client_secret: "{}"'),
    "private key": (
        "MIIEpAIBAAKCAQEA",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    ),
    "known": ("correct-horse-battery", "it says {} here"),
}
