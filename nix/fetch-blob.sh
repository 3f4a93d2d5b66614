# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# Fetches one manifest or blob of a registry by its digest, and says in words what is wrong with it.
#
# From its derivation: $base (addresses to try in turn), $path, $kind (manifests or blobs), $digest, $reference, $accept,
# $size (0 where nobody told it), $out.
set -euo pipefail

fail() {
  echo "$reference: $kind $digest: $*" >&2
  exit 1
}

# Anything but a loopback address has to be asked over TLS.
check_scheme() {
  [[ $1 =~ ^https:// || $1 =~ ^http://(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?(/|$) ]] ||
    fail "$1 is neither https:// nor on the loopback: nothing is fetched from it"
}

# Redirects may lead to a store of blobs, but not out of TLS.
request() {
  local protocols='=https'
  [[ $1 = https://* ]] || protocols='=http,https'
  curl --silent --show-error --location --proto "$protocols" --proto-redir "$protocols" --connect-timeout 10 \
    --retry 3 --retry-delay 1 --retry-connrefused "${@:2}" "$1"
}

# The anonymous token that the challenge in $headers asks for.
token() {
  local challenge realm query
  challenge=$(tr -d '\r' <"$headers" | sed -n 's/^www-authenticate: *bearer *//Ip' | tail -n 1)
  realm=$(sed -n 's/.*realm="\([^"]*\)".*/\1/p' <<<"$challenge")
  [ -n "$realm" ] || fail "$1 asks for a login other than by an anonymous token"
  check_scheme "$realm"
  query=(--get)
  for key in service scope; do
    value=$(sed -n "s/.*$key=\"\([^\"]*\)\".*/\1/p" <<<"$challenge")
    [ -z "$value" ] || query+=(--data-urlencode "$key=$value")
  done
  request "$realm" --fail "${query[@]}" | jq -er '.token // .access_token' ||
    fail "$realm hands out no anonymous token: the image is not public"
}

# Writes $out from the registry at $1; false where it has none.
fetch_from() {
  local url=$1/v2/$path/$kind/$digest status
  check_scheme "$1"
  local arguments=(--output "$out" --dump-header "$headers" --write-out '%{http_code}' --header "Accept: $accept")
  status=$(request "$url" "${arguments[@]}") || return 1
  if [ "$status" = 401 ]; then
    status=$(request "$url" "${arguments[@]}" --header "Authorization: Bearer $(token "$1")") || return 1
  fi
  case $status in
    200) ;;
    404) echo "$reference: $1 does not have $kind $digest (404): it is gone, or the pin is wrong" >&2 && return 1 ;;
    *) echo "$reference: $1 answers $status for $kind $digest: $(head -c 300 "$out" | tr '\n' ' ')" >&2 && return 1 ;;
  esac
}

headers=$(mktemp)
fetched=
for registry in $base; do
  if fetch_from "$registry"; then
    fetched=$registry
    break
  fi
done
[ -n "$fetched" ] || fail "it could be had from none of: $base"

# Nix compares the hash as well; it would not say of which image.
got=$(stat -c %s "$out")
[ "$size" = 0 ] || [ "$got" = "$size" ] || fail "$fetched sent $got bytes, the manifest says $size"
actual=sha256:$(sha256sum "$out" | cut -d ' ' -f 1)
[ "$actual" = "$digest" ] || fail "$fetched sent something else: $actual"
