"""How answers are judged, and how sure a measured share is. One implementation for every job."""
