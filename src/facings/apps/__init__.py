"""What recognition is for: applications that read what was seen."""
