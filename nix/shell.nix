# The shell in which suho-stack is worked on: the toolchain, a client for each engine, the linters.
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
    # Clients: psql, clickhouse-client, valkey-cli, nats, kcat.
    pkgs.postgresql_17
    pkgs.clickhouse
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
  ];
  shellHook = ''
    echo 'suho-stack: make up launches and proves the stack, make test runs every test, make help lists the rest'
  '';
}
