"""What has to be done now and then beside the hand-over."""
