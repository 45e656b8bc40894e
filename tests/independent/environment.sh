# Sourced. Puts a Python environment with the packages of tools/requirements.txt, or of the list that KIVEND_REQUIREMENTS
# names, first on the path. It is created outside the checkout on first use, and again when the list changes.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "independent: python 3.11 or later is needed" >&2; exit 1; }

list=${KIVEND_REQUIREMENTS:-$top/tools/requirements.txt}
environment=${XDG_CACHE_HOME:-$HOME/.cache}/kivend/python-$(sha256sum "$list" | cut -c1-12)
if [[ ! -e $environment/complete ]]; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$list"
  touch "$environment/complete"
fi
export PYTHONDONTWRITEBYTECODE=1 PATH=$environment/bin:$PATH
