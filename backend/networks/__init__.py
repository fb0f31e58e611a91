"""Network blocks that several avatars share, sized by configuration; attribute names are the published keys."""
