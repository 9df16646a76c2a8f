"""What the tabs may ask of the backend: `door` is the way in, one module beside it for each subject."""
