"""What the page's own scripts ask of the server as JSON, one module for each subject."""
