"""What a media file must be, and what it is."""
