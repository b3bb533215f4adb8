"""What other tools know of the checks, written from the one catalogue: alert rules, dashboard, pages for people."""
