#!/bin/sh
# Says what is missing on this machine, and the command that installs it.
python="${1:-python3}"
missing=""
if ! command -v "$python" >/dev/null 2>&1; then
  missing="python3 python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "tocsin needs Python 3.11 or newer; $python is $("$python" -V 2>&1 | cut -d' ' -f2)." >&2
  echo "Install a newer one and run: make PYTHON=python3.12 <target>" >&2
  exit 1
elif ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  missing="python3-venv"
fi
if [ -n "$missing" ]; then
  echo "Missing on this machine: $missing" >&2
  if command -v apt-get >/dev/null 2>&1; then
    echo "Install with: sudo apt-get install -y $missing" >&2
  else
    echo "Install it with your system's package manager." >&2
  fi
  exit 1
fi
