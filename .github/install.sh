# Install the gate from this folder into $RUNNER_TEMP/ouro, with the interpreter $OURO_PYTHON. What
# it needs, the build backend too, is pinned by hashes; nothing is found by our own name.
set -eo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${OURO_PYTHON:-python3}
where=$RUNNER_TEMP/ouro

say() { # the last lines of a log, in one line as an annotation wants it
  reason=$(tail -n 5 "$RUNNER_TEMP/ouro-install.log" | sed 's/%/%25/g' | tr '\n' '\t' | sed 's/\t/%0A/g')
  echo "::error title=ouro could not judge::the gate was not installed: $1%0A$reason"
  if [ -n "$GITHUB_OUTPUT" ]; then echo "verdict=unjudged" >> "$GITHUB_OUTPUT"; fi
  exit 2
}
try() { # name of the step, then the command
  timeout 300 "${@:2}" > "$RUNNER_TEMP/ouro-install.log" 2>&1 < /dev/null && return
  if [ $? = 124 ]; then say "$1: it took more than 300 seconds"; else say "$1"; fi
}
pip=("$where/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input)

try "$python is not Python 3.10 or later" "$python" -I -c 'import sys; assert sys.version_info >= (3, 10), sys.version'
try "$python -m venv failed" "$python" -I -m venv "$where"
try "its packages could not be fetched" "${pip[@]}" --require-hashes --only-binary :all: -r "$source/requirements-gate.lock"
try "the package could not be built" "${pip[@]}" --no-index --no-deps --no-build-isolation "$source"
