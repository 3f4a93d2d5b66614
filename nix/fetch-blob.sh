# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# Fetches one manifest or blob of a registry by its digest, and says in words what is wrong with it.
#
# From its derivation: $base (addresses to try in turn), $path, $kind (manifests or blobs), $digest, $reference, $accept,
# $size (0 where nobody told it), $out.
set -euo pipefail

# A proxy that inspects TLS has certificates of its own, which Nix is told of by this variable.
if [ -r "${NIX_SSL_CERT_FILE:-}" ]; then
  export SSL_CERT_FILE=$NIX_SSL_CERT_FILE
fi

# What is wrong with one address; the next may do.
complain() {
  echo "$reference: $kind $digest: $*" >&2
  return 1
}

fail() {
  complain "$@" || exit 1
}

# Anything but a loopback address has to be asked over TLS.
check_scheme() {
  [[ $1 =~ ^https:// || $1 =~ ^http://(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?(/|$) ]] ||
    fail "$1 is neither https:// nor on the loopback: nothing is fetched from it"
}

# Redirects may lead to a store of blobs, but not out of TLS; a server that is silent for a minute is given up.
request() {
  local protocols='=https'
  [[ $1 = https://* ]] || protocols='=http,https'
  curl --silent --show-error --location --proto "$protocols" --proto-redir "$protocols" --connect-timeout 10 \
    --speed-limit 1 --speed-time 60 --retry 3 --retry-delay 1 --retry-all-errors "${@:2}" "$1"
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

# Writes $out from the registry at $1; false where it has none, or something else.
fetch_from() {
  local url=$1/v2/$path/$kind/$digest answer status granted
  check_scheme "$1"
  local arguments=(--output "$out" --dump-header "$headers" --write-out '%{http_code} %{url_effective}' --header "Accept: $accept")
  answer=$(request "$url" "${arguments[@]}") || return 1
  if [[ $answer = 401* ]]; then
    granted=$(token "$1") || return 1
    # A registry may have sent on to another, to which the token belongs.
    answer=$(request "${answer#* }" "${arguments[@]}" --header "Authorization: Bearer $granted") || return 1
  fi
  status=${answer%% *}
  case $status in
    200) check_content "$1" ;;
    404) complain "$1 does not have it (404): it is gone, or the pin is wrong" ;;
    *) complain "$1 answers $status: $(head -c 300 "$out" | tr '\n' ' ')" ;;
  esac
}

# Nix compares the hash as well; it would not say of which image.
check_content() {
  local got actual
  got=$(stat -c %s "$out")
  actual=sha256:$(sha256sum "$out" | cut -d ' ' -f 1)
  if [ "$size" != 0 ] && [ "$got" != "$size" ]; then
    complain "$1 sent $got bytes, the manifest says $size"
  elif [ "$actual" != "$digest" ]; then
    complain "$1 sent something else: $actual"
  fi
}

headers=$(mktemp)
for registry in $base; do
  if fetch_from "$registry"; then
    exit 0
  fi
done
fail "it could be had from none of: $base"
