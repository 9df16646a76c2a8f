"""Questions about pictures, for the person who is logged in."""
