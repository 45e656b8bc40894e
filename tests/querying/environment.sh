# Sourced. Puts the Python environment of requirements.txt first on the path, and defines how jars are fetched.
querying=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export KIVEND_REQUIREMENTS=$querying/requirements.txt
# shellcheck source=../independent/environment.sh
source "$querying/../independent/environment.sh"
unset KIVEND_REQUIREMENTS  # kivend would take it for a setting
command -v java >/dev/null || { echo "querying: Spark needs a JDK 17 or later" >&2; exit 1; }
[[ -n ${AWS_ENDPOINT_URL:-} ]] || { echo "querying: no servers; run it under deploy/local/cluster run" >&2; exit 1; }

# Prints the folder with the jars of a pom.xml, which is filled on first use.
jars_of() {
  local jars
  jars=${XDG_CACHE_HOME:-$HOME/.cache}/kivend/spark-$(sha256sum "$1" | cut -c1-12)
  if [[ ! -d $jars ]]; then
    # Spark comes with its own of the excluded groups, in other versions. The folder gets its name once it is complete.
    mvn --batch-mode --quiet --file "$1" dependency:copy-dependencies -DincludeScope=runtime \
      -DexcludeGroupIds=io.netty,org.slf4j,commons-logging,commons-codec -DoutputDirectory="$jars.$$" >&2
    mv "$jars.$$" "$jars"
  fi
  echo "$jars"
}
