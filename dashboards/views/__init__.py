"""The app's pages: layout, and nothing else. What they show comes from the modules beside."""
