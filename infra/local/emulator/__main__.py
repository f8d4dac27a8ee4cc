"""`python -m infra.local.emulator LISTENER DATA RUNNER_PORT ORIGINS [--held] [--idle]`: started by the supervisor."""

import argparse
import os
import socket
from pathlib import Path

from infra.local.datadir import HOST, REGION, DataDir


def main() -> None:
    """Sets what MiniStack reads while it is imported, then serves."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.emulator")
    parser.add_argument("listener", type=int, help="descriptor of the listening socket")
    parser.add_argument("data", type=Path)
    parser.add_argument("runner_port", type=int)
    parser.add_argument("origins", help="comma-separated origins whose pages may post uploads")
    parser.add_argument("--held", action="store_true", help="take no snapshot until told to")
    parser.add_argument("--idle", action="store_true", help="invoke no function: queues keep their messages")
    arguments = parser.parse_args()
    data = DataDir(arguments.data)
    with socket.socket(fileno=os.dup(arguments.listener)) as listener:
        port: int = listener.getsockname()[1]
    os.environ.update(
        AUTH="true",
        AWS_ACCESS_KEY_ID=data.secrets.root_key_id,
        AWS_SECRET_ACCESS_KEY=data.secrets.root_secret,
        AWS_DEFAULT_REGION=REGION,
        AWS_ENDPOINT_URL=f"http://{HOST}:{port}",
        BIND_HOST=HOST,
        # Queue URLs carry this port and are keys of the stored state: it must not change with the real one, which the
        # emulator puts in when it answers.
        GATEWAY_PORT="4566",
        MINISTACK_REGION=REGION,
        PERSIST_STATE="1",
        STATE_DIR=str(data.state),
        S3_PERSIST="1",
        S3_DATA_DIR=str(data.objects),
        # No listeners but ours, and never touch a Docker that may be running on this machine.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        DOCKER_HOST="unix:///nonexistent",
        LOG_LEVEL="WARNING",
    )
    from infra.local.emulator import server

    origins = frozenset(filter(None, arguments.origins.split(",")))
    server.run(data, arguments.listener, port, arguments.runner_port, origins, held=arguments.held, idle=arguments.idle)


if __name__ == "__main__":
    main()
