"""What the bodies of the systems look like, member by member; what no document prints is marked as chosen."""
