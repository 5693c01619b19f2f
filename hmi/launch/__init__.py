"""`make run`: prepare a site on this machine and keep its processes running. See docs/decisions/0007-supervision.md."""
