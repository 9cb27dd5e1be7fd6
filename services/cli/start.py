"""The command ``salestream``, as it is installed."""


def main() -> int:
    """Run the command line and give its exit code. Ctrl-C while it is still being loaded is no mistake either."""
    try:
        from services.cli.app import main as run

        return run()
    except KeyboardInterrupt:
        return 130
