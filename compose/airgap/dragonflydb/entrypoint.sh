#!/bin/sh
# As upstream: options alone mean dragonfly, the volume goes to its user, and the server runs as that user.
set -eu

case "${1-}" in
  -*) set -- dragonfly --logtostderr "$@" ;;
esac

if [ "$(id -u)" = 0 ] && [ "${1-}" = dragonfly ]; then
  find . ! -user dfly -exec chown dfly:dfly {} +
  umask 0077
  exec setpriv --reuid dfly --regid dfly --clear-groups -- "$@"
fi
exec "$@"
