# The shell in which suho-stack is worked on: the toolchain, clients of the engines, the linters.
{ pkgs }:
pkgs.mkShell {
  packages = [
    # The workspace; librdkafka is built by the C and C++ compilers that a shell of Nix has anyway.
    pkgs.cargo
    pkgs.rustc
    pkgs.clippy
    pkgs.rustfmt
    pkgs.rust-analyzer
    # The deployment.
    pkgs.docker-client
    pkgs.docker-compose
    # Clients: psql, valkey-cli, nats, kcat.
    pkgs.postgresql_17
    pkgs.valkey
    pkgs.natscli
    pkgs.kcat
    # Linters, and what the checks of the configuration need.
    pkgs.deadnix
    pkgs.nixfmt
    pkgs.shellcheck
    pkgs.libxml2
    pkgs.nats-server
    # The full TimescaleDB, in WebAssembly, for the tests.
    pkgs.nodejs
  ]
  # clickhouse-client; elsewhere no cache has it, and it would take a day to build.
  ++ pkgs.lib.optionals pkgs.stdenv.hostPlatform.isLinux [ pkgs.clickhouse ];
  shellHook = ''
    # A shell of another flake may be made of this one.
    [ ! -e nix/stack.nix ] || echo 'suho-stack: make up launches and proves the stack, make test runs every test, make help lists the rest'
  '';
}
