#!/bin/bash
# makeWrapper PROGRAM WRAPPER --set-default NAME VALUE, as nixpkgs' hook has it.
set -euo pipefail

[ "$3" = --set-default ] || { echo "makeWrapper: $3 is not offered here" >&2; exit 1; }
cat >"$2" <<END
#!/bin/bash
export $4="\${$4-$5}"
exec $1 "\$@"
END
chmod 755 "$2"
