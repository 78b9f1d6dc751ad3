"""What all HTML pages share: the one exit through which untrusted text goes, and the document."""
