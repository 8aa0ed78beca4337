"""What is sampled, limited and kept: the rules and their numbered snapshots."""
