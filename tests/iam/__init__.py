"""IAM and STS as their clients use them, against a server process of its own."""
