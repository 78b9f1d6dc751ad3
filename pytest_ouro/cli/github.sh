# The gate on GitHub, for action.yml and the reusable workflow, which installed it into
# $RUNNER_TEMP/ouro. From the environment: OURO_REPOSITORY (a URL), OURO_TOKEN, OURO_HEAD and
# OURO_TRUST (full ids of commits), OURO_BOUND. The commits are fetched as objects; nothing of them
# is checked out, imported, installed or run.
set -eo pipefail

case "$OURO_HEAD,$OURO_TRUST" in
  ,* | *, | *[!0-9a-f,]*)
    echo "::error title=ouro could not judge::the event names no commits: give head and trust as full ids"
    exit 2
    ;;
esac
if [ -n "$OURO_TOKEN" ]; then
  basic=$(printf 'x-access-token:%s' "$OURO_TOKEN" | base64 | tr -d '\n')
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
  export GIT_CONFIG_VALUE_0="Authorization: Basic $basic"
fi
git init --quiet --bare "$RUNNER_TEMP/judged.git"
cd "$RUNNER_TEMP/judged.git"
if ! git fetch --quiet --no-tags "$OURO_REPOSITORY" "$OURO_TRUST" "$OURO_HEAD"; then
  echo "::error title=ouro could not judge::the base or the commit is not there: $OURO_TRUST, $OURO_HEAD"
  exit 2
fi
unset OURO_TOKEN "${!GIT_CONFIG_@}"

gate() { "$RUNNER_TEMP/ouro/bin/python" -I -m pytest_ouro gate --head "$OURO_HEAD" --trust "$OURO_TRUST" ${OURO_BOUND:+--bound "$OURO_BOUND"} "$@"; }
gate --sarif > "$RUNNER_TEMP/ouro.sarif" || true
gate --junit > "$RUNNER_TEMP/ouro.xml" || true
echo "sarif=$RUNNER_TEMP/ouro.sarif" >> "$GITHUB_OUTPUT"
echo "junit=$RUNNER_TEMP/ouro.xml" >> "$GITHUB_OUTPUT"
gate --github
