"""What the audit holds the rows and objects of a deployment against: pure, over plain rows."""
