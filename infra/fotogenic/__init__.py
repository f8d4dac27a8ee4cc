"""The operator's command: what only whoever runs a deployment may do, with AWS credentials instead of an HTTP route."""
