"""Questions rehearsed for showing them to a room, with the answers that they were given then."""
