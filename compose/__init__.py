"""What a cluster runs on: the same services as containers (docker-compose.yaml) and as plain processes."""
