"""`python -m tools.controlplane`: build the binaries, run a control plane in the foreground."""

from tools.controlplane.cli import main

if __name__ == "__main__":
    main()
